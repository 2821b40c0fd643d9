//! What the user can do that needs more than the document: run, save, open, copy and paste.

import { create } from "zustand";
import { Catalog } from "../document/catalog";
import { promptOfParameters } from "../document/parameters";
import { copyNodes, isCopy, pasteNodes } from "../document/clipboard";
import { addGroup, freeNodeId, newNode, removeGroups, removeNodes, removeReroute, disconnect, withNode } from "../document/edit";
import { afterRun, faceOf, withRow } from "../document/face";
import { isObject, parseJson, stringifyJson, type Json, type JsonObject } from "../document/json";
import { textsOf } from "../document/metadata";
import { DocumentError, keyOf, kindOf, layerOf, Mode, ROOT, type Document, type GraphNode, type Layer, type Point } from "../document/model";
import { toPrompt } from "../document/prompt";
import { readDocument } from "../document/read";
import { blueprintOf, createSubgraph, unpackSubgraph } from "../document/subgraph";
import { translated } from "../document/translate";
import { writeDocument } from "../document/write";
import * as api from "../server/api";
import { activate, closeTab, documentOf, edit, isDirty, layerIdOf, layerShown, newTab, openTab, patchTab, prefixOf, select, tabOf, useEditor, type Tab } from "./editor";
import { askText, askYes, complain, notify } from "./notices";
import { clearErrors, CLIENT, onJobEnd, readNodeErrors, refreshJobs, sent, showErrors, useRun } from "./run";
import { keepSession, keptSession } from "./session";
import { useSettings } from "./settings";

// Node classes.

/** Fetches the node classes; the files that nodes can choose from come with them. */
export async function refreshCatalog(): Promise<void> {
  const [info, names] = await Promise.all([api.objectInfo(), useSettings.getState().translate ? api.translations() : null, refreshBlueprints().catch(complain)]);
  const { catalog, broken } = Catalog.read(names === null ? info : translated(info, names, navigator.languages));
  useEditor.setState({ catalog, ready: true });
  if (broken.length) notify(`These node classes cannot be understood: ${broken.join(", ")}`, "error");
}

// Subgraphs for all workflows.

export const useBlueprints = create<{ list: readonly api.Blueprint[] }>()(() => ({ list: [] }));

export const refreshBlueprints = async (): Promise<void> => useBlueprints.setState({ list: await api.blueprints() });

/** Keeps the subgraph of a node for other workflows. */
export async function publish(id: string): Promise<void> {
  const state = useEditor.getState();
  const doc = documentOf(state);
  const node = layerShown(state).nodes.get(id);
  if (!node) return;
  const name = (await askText("Keep the subgraph as", node.title ?? layerOf(doc, node.type).name, "Keep"))?.trim();
  const workflow = name ? blueprintOf(doc, layerIdOf(tabOf(state)), id, name) : null;
  if (!name || !workflow) return;
  try {
    if (!(await api.keepBlueprint(name, workflow, false))) {
      if (!(await askYes("Replace?", `A subgraph "${name}" is kept already.`, "Replace", true))) return;
      await api.keepBlueprint(name, workflow, true);
    }
    await refreshBlueprints();
    notify(`Kept "${name}". It is among the nodes now.`, "success");
  } catch (error) {
    complain(error);
  }
}

/** Adds a kept subgraph to the shown layer. */
export async function addBlueprint(kept: api.Blueprint, at: Point): Promise<void> {
  try {
    const workflow = await api.blueprint(kept);
    let ids: string[] = [];
    edit((doc, layer) => {
      const pasted = pasteNodes(doc, layer, workflow, at);
      ids = pasted.ids;
      return pasted.doc;
    });
    select({ nodes: ids });
  } catch (error) {
    complain(error);
  }
}

export async function deleteBlueprint({ name }: api.Blueprint): Promise<void> {
  if (!(await askYes("Delete?", `"${name}" will be gone from the server. Workflows that use it keep their copy.`, "Delete", true))) return;
  await api.deleteBlueprint(name).then(refreshBlueprints).catch(complain);
}

// Run.

/** Values that change with each run, in all layers. */
function advanced(doc: Document, catalog: Catalog): Document {
  let layers: Map<string, Layer> | null = null;
  for (const layer of doc.layers.values()) {
    let nodes: Map<string, GraphNode> | null = null;
    for (const node of layer.nodes.values()) {
      for (const row of faceOf(doc, layer, node, catalog).rows) {
        if (!row.mode || row.mode === "fixed" || row.socket?.linked) continue;
        const value = afterRun(row.widget, row.value, row.mode);
        if (value === undefined || value === row.value) continue;
        nodes ??= new Map(layer.nodes);
        nodes.set(keyOf(node), withRow(doc, nodes.get(keyOf(node))!, catalog, row.key, value));
      }
    }
    if (nodes) (layers ??= new Map(doc.layers)).set(layer.id, { ...layer, nodes });
  }
  return layers ? { ...doc, layers } : doc;
}

/** `%date:yyyy-MM-dd%` and `%Node.widget%` in the names of files. */
function withNames(prompt: JsonObject, doc: Document, catalog: Catalog): JsonObject {
  const root = layerOf(doc, ROOT);
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  const parts: Record<string, string> = { yyyy: String(now.getFullYear()), yy: two(now.getFullYear() % 100), MM: two(now.getMonth() + 1), M: String(now.getMonth() + 1), dd: two(now.getDate()), d: String(now.getDate()), hh: two(now.getHours()), h: String(now.getHours()), mm: two(now.getMinutes()), m: String(now.getMinutes()), ss: two(now.getSeconds()), s: String(now.getSeconds()) };
  const put = (text: string) =>
    text.replace(/%([^%]+)%/g, (whole, inner: string) => {
      if (inner.startsWith("date:")) return inner.slice(5).replace(/yyyy|yy|MM|M|dd|d|hh|h|mm|m|ss|s/g, (it) => parts[it] ?? it);
      const dot = inner.lastIndexOf(".");
      if (dot < 1) return whole;
      const name = inner.slice(0, dot);
      const node = [...root.nodes.values()].find((it) => it.properties?.["Node name for S&R"] === name || it.title === name || it.type === name);
      const row = node && faceOf(doc, root, node, catalog).rows.find((it) => it.key === inner.slice(dot + 1));
      // Names of files hold no separators.
      return row?.value === undefined ? whole : String(row.value).replace(/[/?<>\\:*|"\x00-\x1F\x7F]/g, "_");
    });
  const node = (json: Json | undefined): Json => {
    if (!isObject(json) || !isObject(json.inputs) || typeof json.inputs.filename_prefix !== "string") return json ?? null;
    return { ...json, inputs: { ...json.inputs, filename_prefix: put(json.inputs.filename_prefix) } };
  };
  return Object.fromEntries(Object.entries(prompt).map(([id, json]) => [id, node(json)]));
}

export interface RunOptions {
  readonly front?: boolean;
  /** Only these outputs, by the ids that they have when they run. */
  readonly targets?: readonly string[];
  readonly times?: number;
}

/** Sends the shown workflow to the server. */
export async function run({ front = false, targets, times = useSettings.getState().batch }: RunOptions = {}): Promise<void> {
  const { id } = tabOf(useEditor.getState());
  clearErrors(id);
  for (let i = 0; i < times; i++) {
    if (!(await runOnce(id, front, targets))) return;
  }
}

async function runOnce(tabId: string, front: boolean, targets: readonly string[] | undefined): Promise<boolean> {
  const { catalog } = useEditor.getState();
  const advance = () => {
    const tab = useEditor.getState().tabs.find((it) => it.id === tabId);
    if (!tab) return;
    const next = advanced(tab.history.present, catalog);
    if (next === tab.history.present) return;
    // A seed that changes by itself is no step of the user's, so undo does not stop at it.
    patchTab(tabId, (it) => ({ ...it, history: { ...it.history, present: next } }));
  };
  if (useSettings.getState().control === "before") advance();
  const doc = useEditor.getState().tabs.find((it) => it.id === tabId)?.history.present;
  if (!doc) return false;
  try {
    const prompt = withNames(toPrompt(doc, catalog) as unknown as JsonObject, doc, catalog);
    const count = Object.keys(prompt).length;
    if (!count) throw new DocumentError(["There is nothing to run: add nodes first (double-click the canvas)."]);
    const workflow = writeDocument(doc);
    // The editor names the job, for the socket may tell of it before the answer is here.
    const job = crypto.randomUUID();
    sent(tabId, job, count);
    const refused = await api.submit({
      client_id: CLIENT,
      prompt_id: job,
      prompt,
      extra_data: { extra_pnginfo: { workflow } },
      ...(front ? { front } : {}),
      ...(targets ? { partial_execution_targets: targets } : {}),
    });
    void refreshJobs();
    const errors = readNodeErrors(refused);
    if (Object.keys(errors).length) {
      showErrors(tabId, errors);
      notify("Part of the workflow does not run: see the errors.", "error");
    }
  } catch (error) {
    const body = error instanceof api.ServerError && isObject(error.body) ? error.body : {};
    const errors = isObject(body.node_errors) ? readNodeErrors(body.node_errors) : {};
    const about = isObject(body.error) && isObject(body.error.extra_info) ? body.error.extra_info : {};
    // A class that the server does not have is told for the whole prompt.
    if (typeof about.node_id === "string" && !errors[about.node_id]) {
      errors[about.node_id] = [{ message: error instanceof Error ? error.message : "", details: "", input: null, trace: "" }];
    }
    const failed = Object.keys(errors).length;
    const said = error instanceof Error ? error.message : String(error);
    // Where nodes say what is wrong with them, the whole has nothing to add.
    const message = failed && about.node_id === undefined ? `${failed === 1 ? "A node" : `${failed} nodes`} cannot run: see the errors.` : said;
    showErrors(tabId, errors, message);
    useEditor.setState({ side: "errors" });
    notify(message, "error");
    return false;
  }
  if (useSettings.getState().control === "after") advance();
  return true;
}

/** Runs only what the selected nodes need: those of them that save or show something. */
export async function runSelected(): Promise<void> {
  const state = useEditor.getState();
  const layer = layerShown(state);
  const prefix = prefixOf(tabOf(state));
  const targets = state.selection.nodes.filter((id) => state.catalog.spec(layer.nodes.get(id)?.type ?? "")?.output);
  if (targets.length) await run({ targets: targets.map((id) => prefix + id), times: 1 });
  else notify("Select nodes that save or show something, such as Save Image.", "error");
}

export const interrupt = (): Promise<unknown> => api.interrupt().catch(complain);

export async function clearQueue(): Promise<void> {
  await api.clearQueue().catch(complain);
  await refreshJobs();
}

/** Starts the next run when a job has ended, while that is wanted. */
export function watchJobs(): void {
  let ran: Document | null = null;
  const next = () => {
    const { auto } = useSettings.getState();
    const waiting = useRun.getState().jobs.some((it) => it.status === "pending" || it.status === "in_progress");
    const doc = documentOf(useEditor.getState());
    if (auto === "off" || waiting || (auto === "change" && doc === ran)) return;
    void run({ times: 1 }).then(() => {
      ran = documentOf(useEditor.getState());
    });
  };
  onJobEnd((_, how) => {
    if (how === "success") setTimeout(next, 100);
  });
  useEditor.subscribe((state, before) => {
    if (documentOf(state) !== documentOf(before) && useSettings.getState().auto === "change" && tabOf(state).id === tabOf(before).id) setTimeout(next, 400);
  });
  useSettings.subscribe((state, before) => {
    if (state.auto !== before.auto) {
      ran = null;
      next();
    }
  });
}

// Files.

const bare = (name: string) => name.replace(/\.json$/, "");

/** Saves the shown workflow on the server, under its name or one that is asked for. */
export async function save(asNew = false): Promise<boolean> {
  const tab = tabOf(useEditor.getState());
  let name = tab.file;
  if (asNew || !name) {
    const asked = await askText("Save the workflow as", bare(tab.file ?? tab.name), "Save");
    if (!asked?.trim()) return false;
    name = `${bare(asked.trim())}.json`;
  }
  const doc = tab.history.present;
  try {
    const again = name === tab.file;
    if (!(await api.saveWorkflow(name, writeDocument(doc), again))) {
      if (!(await askYes("Replace?", `There is a workflow "${bare(name)}" already.`, "Replace", true))) return false;
      await api.saveWorkflow(name, writeDocument(doc), true);
    }
  } catch (error) {
    complain(error);
    return false;
  }
  const file = name;
  patchTab(tab.id, (it) => ({ ...it, file, name: bare(file), saved: doc }));
  notify(`Saved "${bare(file)}".`, "success");
  return true;
}

export async function openSaved(name: string): Promise<void> {
  const open = useEditor.getState().tabs.find((it) => it.file === name);
  if (open) return activate(open.id);
  try {
    openJson(await api.loadWorkflow(name), bare(name), name);
  } catch (error) {
    complain(error);
  }
}

export async function renameSaved(name: string): Promise<void> {
  const asked = await askText("Rename the workflow", bare(name), "Rename");
  if (!asked?.trim() || `${bare(asked.trim())}.json` === name) return;
  const to = `${bare(asked.trim())}.json`;
  try {
    await api.moveWorkflow(name, to);
    useEditor.setState(({ tabs }) => ({ tabs: tabs.map((it) => (it.file === name ? { ...it, file: to, name: bare(to) } : it)) }));
  } catch (error) {
    complain(error);
  }
}

export async function deleteSaved(name: string): Promise<void> {
  if (!(await askYes("Delete?", `"${bare(name)}" will be gone from the server.`, "Delete", true))) return;
  try {
    await api.deleteWorkflow(name);
    useEditor.setState(({ tabs }) => ({ tabs: tabs.map((it) => (it.file === name ? { ...it, file: null, saved: null } : it)) }));
  } catch (error) {
    complain(error);
  }
}

/** Opens JSON in a tab of its own. Says what is missing. */
export function openJson(json: Json, name: string, file: string | null = null): Tab | null {
  try {
    const { catalog } = useEditor.getState();
    const tab = newTab(readDocument(json, catalog), name, file);
    openTab(tab);
    const missing = missingClasses(tab.history.present, catalog);
    if (missing.length) {
      useEditor.setState({ side: "errors" });
      notify(`${missing.length === 1 ? "A node class is" : `${missing.length} node classes are`} not on this server: ${missing.slice(0, 4).join(", ")}${missing.length > 4 ? "..." : ""}`, "error");
    }
    return tab;
  } catch (error) {
    complain(error);
    return null;
  }
}

/** The classes of a document that the server does not have. */
export function missingClasses(doc: Document, catalog: Catalog): string[] {
  const missing = new Set<string>();
  for (const layer of doc.layers.values()) for (const node of layer.nodes.values()) if (kindOf(doc, node) === "real" && !catalog.spec(node.type)) missing.add(node.type);
  return [...missing].sort();
}

export interface MissingFile {
  readonly layer: string;
  readonly node: string;
  readonly title: string;
  readonly widget: string;
  readonly value: string;
  readonly options: readonly Json[];
}

/** Files that nodes name and the server does not have. */
export function missingFiles(doc: Document, catalog: Catalog): MissingFile[] {
  const found: MissingFile[] = [];
  for (const layer of doc.layers.values()) {
    for (const node of layer.nodes.values()) {
      if (node.mode === Mode.Muted || node.mode === Mode.Bypassed || kindOf(doc, node) !== "real") continue;
      const face = faceOf(doc, layer, node, catalog);
      for (const row of face.rows) {
        if (row.widget.kind !== "combo" || row.socket?.linked || typeof row.value !== "string" || !/\.\w+$/.test(row.value)) continue;
        if (!row.widget.options.includes(row.value)) found.push({ layer: layer.id, node: keyOf(node), title: face.title, widget: row.key, value: row.value, options: row.widget.options });
      }
    }
  }
  return found;
}

/** Opens what a file holds: a workflow, a prompt, or a picture made by one. */
export async function openFile(file: File, at: Point | null = null): Promise<void> {
  const name = file.name.replace(/\.[^.]+$/, "");
  try {
    if (/\.json$/i.test(file.name) || file.type === "application/json") {
      openJson(parseJson(await file.text()), name);
      return;
    }
    const texts = await textsOf(file);
    const found = texts.get("workflow") ?? texts.get("prompt");
    const parameters = texts.get("parameters");
    if (found) openJson(parseJson(found), name);
    else if (parameters) openJson(promptOfParameters(parameters, useEditor.getState().catalog), name);
    else if (file.type.startsWith("image/")) await addImage(file, at);
    else throw new Error(`"${file.name}" holds no workflow.`);
  } catch (error) {
    complain(error);
  }
}

/** Uploads a picture and adds a node that loads it. */
export async function addImage(file: File, at: Point | null): Promise<void> {
  const name = await api.upload(file);
  await refreshCatalog();
  const { catalog } = useEditor.getState();
  if (!catalog.spec("LoadImage")) throw new Error("This server has no node that loads pictures.");
  edit((doc, layer) => {
    const node = newNode(catalog, "LoadImage", at ?? [0, 0], freeNodeId(doc), doc);
    return withNode(doc, layer, withRow(doc, node, catalog, "image", name));
  });
}

function download(name: string, json: JsonObject): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([stringifyJson(json, 2)], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function exportWorkflow(version?: 0.4 | 1): void {
  const tab = tabOf(useEditor.getState());
  download(`${tab.name}.json`, writeDocument(tab.history.present, version ?? tab.history.present.version));
}

export function exportPrompt(): void {
  const state = useEditor.getState();
  try {
    download(`${tabOf(state).name} (API).json`, toPrompt(documentOf(state), state.catalog) as unknown as JsonObject);
  } catch (error) {
    complain(error);
  }
}

export async function close(id: string): Promise<void> {
  const tab = useEditor.getState().tabs.find((it) => it.id === id);
  if (!tab) return;
  if (isDirty(tab) && !(await askYes("Close without saving?", `"${tab.name}" has changes that are not saved.`, "Close", true))) return;
  closeTab(id);
}

/** Opens the workflow of a job as it was sent. */
export async function openJob(id: string): Promise<void> {
  try {
    const { workflow, prompt } = await api.job(id);
    const json = workflow ?? prompt;
    if (json) openJson(json, `Job ${id.slice(0, 8)}`);
    else notify("The server kept no workflow of this job.", "error");
  } catch (error) {
    complain(error);
  }
}

// Sessions.

/** Keeps what is open, a moment after it changed. */
export function watchSession(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const keep = () => {
    const { tabs, active } = useEditor.getState();
    const kept = tabs.map((tab) => ({ id: tab.id, name: tab.name, file: tab.file, dirty: isDirty(tab), doc: writeDocument(tab.history.present), ...(tab.view ? { view: { ...tab.view } } : {}) }));
    keepSession(stringifyJson({ tabs: kept, active } as unknown as JsonObject)).catch(complain);
  };
  useEditor.subscribe((state, before) => {
    if (state.tabs === before.tabs && state.active === before.active) return;
    clearTimeout(timer);
    timer = setTimeout(keep, 300);
  });
  addEventListener("pagehide", keep);
}

/** Opens what was open before. */
export async function restoreSession(): Promise<void> {
  const text = await keptSession();
  const json = text === null ? null : parseJson(text);
  if (!isObject(json) || !Array.isArray(json.tabs)) return;
  const { catalog } = useEditor.getState();
  const tabs = (json.tabs as Json[]).flatMap((it): Tab[] => {
    if (!isObject(it) || !isObject(it.doc)) return [];
    const doc = readDocument(it.doc, catalog);
    const tab = newTab(doc, String(it.name), typeof it.file === "string" ? it.file : null);
    const view = isObject(it.view) ? { x: Number(it.view.x), y: Number(it.view.y), zoom: Number(it.view.zoom) } : null;
    // What was not saved stays so.
    const saved = it.dirty === true ? { ...doc } : tab.saved;
    return [{ ...tab, id: String(it.id), saved, view }];
  });
  if (tabs.length) useEditor.setState({ tabs, active: tabs.some((it) => it.id === json.active) ? String(json.active) : tabs[0]!.id });
}

// Copy and paste.

export function copy(): boolean {
  const state = useEditor.getState();
  const { nodes, groups } = state.selection;
  if (!nodes.length && !groups.length) return false;
  const text = stringifyJson(copyNodes(documentOf(state), layerIdOf(tabOf(state)), nodes, groups));
  clipboard = text;
  // Other tabs of the browser get it from the system's clipboard, where that is allowed.
  void navigator.clipboard?.writeText(text).catch(() => undefined);
  return true;
}

let clipboard: string | null = null;

/** Pastes text: nodes, a whole workflow, or nothing. */
export function pasteText(text: string, at: Point, keepFeeds: boolean): boolean {
  let json: Json;
  try {
    json = parseJson(text);
  } catch {
    return false;
  }
  if (isCopy(json)) {
    const copied = json;
    let ids: string[] = [];
    edit((doc, layer) => {
      const pasted = pasteNodes(doc, layer, copied, at, keepFeeds);
      ids = pasted.ids;
      return pasted.doc;
    });
    select({ nodes: ids });
    return true;
  }
  if (!isObject(json)) return false;
  return openJson(json, "Pasted") !== null;
}

export const ownClipboard = (): string | null => clipboard;

export function removeSelected(heal = false): void {
  const { selection } = useEditor.getState();
  const { nodes, groups, links, reroutes } = selection;
  edit((doc, layer) => {
    const pinned = new Set(nodes.filter((id) => layerOf(doc, layer).nodes.get(id)?.flags?.pinned === true));
    let out = removeNodes(doc, layer, nodes.filter((id) => !pinned.has(id)), heal);
    if (links.length) out = disconnect(out, layer, links);
    if (groups.length) out = removeGroups(out, layer, groups);
    for (const id of reroutes) out = removeReroute(out, layer, id);
    return out;
  });
  select({});
}

export function cut(): void {
  if (copy()) removeSelected();
}

export function duplicate(): void {
  const state = useEditor.getState();
  const layer = layerShown(state);
  const boxes = state.selection.nodes.flatMap((id) => layer.nodes.get(id)?.pos ?? []);
  if (!boxes.length) return;
  const corner: Point = [Math.min(...boxes.filter((_, i) => i % 2 === 0)) + 32, Math.min(...boxes.filter((_, i) => i % 2 === 1)) + 32];
  const copied = copyNodes(documentOf(state), layerIdOf(tabOf(state)), state.selection.nodes);
  pasteText(stringifyJson(copied), corner, true);
}

// Structure.

export function group(): void {
  const state = useEditor.getState();
  const layer = layerShown(state);
  const nodes = state.selection.nodes.flatMap((id) => layer.nodes.get(id) ?? []);
  if (!nodes.length) return notify("Select the nodes that the group is to hold.");
  const left = Math.min(...nodes.map((it) => it.pos[0])) - 16;
  const top = Math.min(...nodes.map((it) => it.pos[1])) - 80;
  const right = Math.max(...nodes.map((it) => it.pos[0] + it.size[0])) + 16;
  const bottom = Math.max(...nodes.map((it) => it.pos[1] + it.size[1])) + 16;
  edit((doc, id) => addGroup(doc, id, [left, top, right - left, bottom - top]));
}

export async function toSubgraph(): Promise<void> {
  const state = useEditor.getState();
  if (!state.selection.nodes.length) return notify("Select the nodes that the subgraph is to hold.");
  const name = await askText("Name of the subgraph", "New subgraph", "Create");
  if (!name?.trim()) return;
  let made: string | null = null;
  edit((doc, layer) => {
    const result = createSubgraph(doc, layer, state.selection.nodes, state.catalog, name.trim());
    made = result?.id ?? null;
    return result?.doc ?? doc;
  });
  if (made !== null) select({ nodes: [made] });
}

export function unpack(): void {
  const { catalog, selection } = useEditor.getState();
  let ids: string[] = [];
  edit((doc, layer) => {
    let out = doc;
    for (const id of selection.nodes) {
      const result = unpackSubgraph(out, layer, id, catalog);
      if (!result) continue;
      out = result.doc;
      ids = [...ids, ...result.ids];
    }
    return out;
  });
  if (ids.length) select({ nodes: ids });
  else notify("Select a subgraph.");
}
