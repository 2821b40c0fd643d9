//! What is open: tabs with their documents and histories, the selection, and which panels are shown.

import { create } from "zustand";
import { Catalog } from "../document/catalog";
import { edited, redone, settled, startHistory, undone, type History } from "../document/history";
import { emptyDocument, layerOf, ROOT, type Document, type Layer, type Point } from "../document/model";

/** A step into a subgraph: the node that stands for it, and its definition. */
export interface Step {
  readonly node: string;
  readonly layer: string;
}

export interface View {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export interface Tab {
  readonly id: string;
  readonly name: string;
  /** The file on the server, if there is one. */
  readonly file: string | null;
  readonly history: History;
  /** The document as it was saved. */
  readonly saved: Document | null;
  readonly path: readonly Step[];
  readonly view: View | null;
}

export interface Selection {
  readonly nodes: readonly string[];
  readonly groups: readonly number[];
  readonly links: readonly number[];
  readonly reroutes: readonly number[];
}

export const NOTHING: Selection = { nodes: [], groups: [], links: [], reroutes: [] };

/** What the search for a node was opened for. */
export interface AddRequest {
  /** Where the new node goes, in the canvas's units. */
  readonly at: Point;
  readonly screen: Point;
  /** The socket that the new node is to be linked to. */
  readonly link?: { readonly node: string; readonly slot: string; readonly side: "input" | "output"; readonly type: string };
}

export type Panel = "nodes" | "workflows" | "models" | "results" | "templates";
export type SidePanel = "jobs" | "errors" | "node";
export type Dialog = "settings" | "shortcuts" | null;

export interface EditorState {
  catalog: Catalog;
  /** Whether the server has told its node classes. */
  ready: boolean;
  tabs: readonly Tab[];
  active: string;
  selection: Selection;
  /** Raised when the canvas is to take the selection from here. */
  selectionVersion: number;
  add: AddRequest | null;
  panel: Panel | null;
  side: SidePanel | null;
  logs: boolean;
  dialog: Dialog;
  locked: boolean;
  /** The node whose title is being typed. */
  renaming: string | null;
}

export function newTab(doc: Document = emptyDocument(), name = "Untitled", file: string | null = null): Tab {
  return { id: crypto.randomUUID(), name, file, history: startHistory(doc), saved: file ? doc : null, path: [], view: null };
}

const first = newTab();

export const useEditor = create<EditorState>()(() => ({
  catalog: new Catalog([]),
  ready: false,
  tabs: [first],
  active: first.id,
  selection: NOTHING,
  selectionVersion: 0,
  add: null,
  panel: null,
  side: null,
  logs: false,
  dialog: null,
  locked: false,
  renaming: null,
}));

export const tabOf = (state: EditorState): Tab => state.tabs.find((it) => it.id === state.active) ?? state.tabs[0]!;
export const documentOf = (state: EditorState): Document => tabOf(state).history.present;
export const layerIdOf = (tab: Tab): string => tab.path.at(-1)?.layer ?? ROOT;
/** What the ids of the nodes on the screen start with when they run. */
export const prefixOf = (tab: Tab): string => tab.path.map((step) => `${step.node}:`).join("");
export const layerShown = (state: EditorState): Layer => layerOf(documentOf(state), layerIdOf(tabOf(state)));

export const isDirty = (tab: Tab): boolean => (tab.saved ? tab.saved !== tab.history.present : tab.history.past.length > 0);

export function patchTab(id: string, patch: (tab: Tab) => Tab): void {
  useEditor.setState(({ tabs }) => ({ tabs: tabs.map((it) => (it.id === id ? patch(it) : it)) }));
}

/** Steps that lead nowhere after an undo are taken back. */
function withinDocument(tab: Tab): Tab {
  let layer = layerOf(tab.history.present, ROOT);
  const path: Step[] = [];
  for (const step of tab.path) {
    const next = tab.history.present.layers.get(step.layer);
    if (layer.nodes.get(step.node)?.type !== step.layer || !next) break;
    path.push(step);
    layer = next;
  }
  return path.length === tab.path.length ? tab : { ...tab, path };
}

/** Edits the document that is shown. Edits with the same `gesture` are undone together. */
export function edit(change: (doc: Document, layerId: string) => Document, gesture: string | null = null): void {
  const tab = tabOf(useEditor.getState());
  const present = change(tab.history.present, layerIdOf(tab));
  if (present === tab.history.present) return;
  patchTab(tab.id, (it) => withinDocument({ ...it, history: edited(it.history, present, gesture) }));
}

export const settle = (): void => {
  const tab = tabOf(useEditor.getState());
  if (tab.history.gesture !== null) patchTab(tab.id, (it) => ({ ...it, history: settled(it.history) }));
};

export const undo = (): void => patchTab(useEditor.getState().active, (it) => withinDocument({ ...it, history: undone(it.history) }));
export const redo = (): void => patchTab(useEditor.getState().active, (it) => withinDocument({ ...it, history: redone(it.history) }));

export function select(selection: Partial<Selection>): void {
  useEditor.setState(({ selectionVersion }) => ({ selection: { ...NOTHING, ...selection }, selectionVersion: selectionVersion + 1 }));
}

export function openTab(tab: Tab): void {
  useEditor.setState(({ tabs, active }) => {
    // An empty tab that nobody has touched gives its place.
    const current = tabs.find((it) => it.id === active);
    const untouched = current && !current.file && current.history.past.length === 0 && layerOf(current.history.present, ROOT).nodes.size === 0;
    return { tabs: untouched ? tabs.map((it) => (it.id === active ? tab : it)) : [...tabs, tab], active: tab.id, selection: NOTHING, add: null };
  });
}

export function activate(id: string): void {
  if (id !== useEditor.getState().active) useEditor.setState({ active: id, selection: NOTHING, add: null, renaming: null });
}

export function closeTab(id: string): void {
  useEditor.setState(({ tabs, active }) => {
    const at = tabs.findIndex((it) => it.id === id);
    const left = tabs.filter((it) => it.id !== id);
    if (!left.length) left.push(newTab());
    return { tabs: left, active: active === id ? left[Math.min(at, left.length - 1)]!.id : active, selection: NOTHING };
  });
}

/** Goes into a subgraph, or out to the step of this number. */
export function enter(step: Step): void {
  patchTab(useEditor.getState().active, (it) => ({ ...it, path: [...it.path, step], view: null }));
  useEditor.setState({ selection: NOTHING, add: null });
}

export function leave(depth: number): void {
  const tab = tabOf(useEditor.getState());
  if (depth >= tab.path.length) return;
  patchTab(tab.id, (it) => ({ ...it, path: it.path.slice(0, depth), view: null }));
  useEditor.setState({ selection: NOTHING, add: null });
}
