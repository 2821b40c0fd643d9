//! From files to documents: the editor's format (0.4 and 1.0) and the prompt format.

import type { Catalog } from "./catalog";
import { connect, newNode, withNode } from "./edit";
import { isObject, type Json, type JsonObject } from "./json";
import { arrange } from "./layout";
import { liveSpec } from "./live";
import {
  DocumentError,
  emptyDocument,
  emptyLayer,
  layerOf,
  ROOT,
  type Document,
  type GraphNode,
  type Group,
  type Layer,
  type Link,
  type Point,
  type Port,
  type Reroute,
} from "./model";
import { inOrder, undrawn } from "./values";

/** How deep values and subgraphs may be nested before a file is refused. */
const DEEPEST = 64;

/**
 * Reads a workflow of the editor, or a prompt, which is then laid out.
 *
 * Throws a `DocumentError` that names all parts that cannot be understood.
 */
export function readDocument(json: Json, catalog: Catalog): Document {
  if (!isObject(json)) throw new DocumentError(["A workflow is an object, and this file holds something else."]);
  if (Array.isArray(json.nodes)) return readWorkflow(json);
  const prompt = isObject(json.prompt) && !("class_type" in json.prompt) ? json.prompt : json;
  if (Object.values(prompt).some((it) => isObject(it) && "class_type" in it)) return readPrompt(prompt, catalog);
  throw new DocumentError(["This file holds neither a workflow (a list `nodes`) nor a prompt (nodes with a `class_type`)."]);
}

/** Reads the editor's format. */
export function readWorkflow(json: JsonObject): Document {
  const problems: string[] = [];
  const layers = new Map<string, Layer>([[ROOT, readLayer(json, ROOT, problems)]]);
  // Definitions are usually listed together, but may hold further definitions.
  const open: { holder: JsonObject; depth: number }[] = [{ holder: json, depth: 0 }];
  for (let at = open.shift(); at; at = open.shift()) {
    const inner = isObject(at.holder.definitions) ? at.holder.definitions.subgraphs : undefined;
    if (at.depth > DEEPEST) problems.push(`subgraph definitions are nested more than ${DEEPEST} deep`);
    else
      for (const definition of Array.isArray(inner) ? (inner as Json[]) : []) {
        if (!isObject(definition)) problems.push("a subgraph definition is not an object");
        else if (typeof definition.id !== "string" || !definition.id) problems.push("a subgraph definition has no id");
        else if (layers.has(definition.id)) problems.push(`there are two subgraph definitions \`${definition.id}\``);
        else {
          layers.set(definition.id, readLayer(definition, definition.id, problems));
          open.push({ holder: definition, depth: at.depth + 1 });
        }
      }
  }
  const doc: Document = { layers, version: json.version === 1 ? 1 : 0.4 };
  const circle = selfHolding(doc);
  if (circle) problems.push(`the subgraph "${circle}" contains itself; take the inner copy out of the file`);
  if (problems.length) throw new DocumentError(problems);
  return doc;
}

/** The name of a subgraph that holds itself. */
export function selfHolding(doc: Document): string | null {
  const state = new Map<string, "open" | "done">();
  const visit = (id: string, depth: number): string | null => {
    const layer = doc.layers.get(id);
    if (!layer || state.get(id) === "done") return null;
    if (state.get(id) === "open" || depth > DEEPEST) return layer.name || id;
    state.set(id, "open");
    for (const node of layer.nodes.values()) {
      const circle = node.type === ROOT ? null : visit(node.type, depth + 1);
      if (circle !== null) return circle;
    }
    state.set(id, "done");
    return null;
  };
  return visit(ROOT, 0);
}

const KNOWN = new Set(["nodes", "links", "groups", "reroutes", "definitions", "inputs", "outputs", "name", "version"]);

function readLayer(json: JsonObject, id: string, problems: string[]): Layer {
  const root = id === ROOT;
  const where = root ? "" : ` in the subgraph \`${id}\``;
  const nodes = new Map<string, GraphNode>();
  if (!Array.isArray(json.nodes)) problems.push(`\`nodes\`${where} should be a list`);
  for (const it of list(json.nodes)) {
    const node = readNode(it);
    if (typeof node === "string") problems.push(node + where);
    else if (nodes.has(String(node.id))) problems.push(`there are two nodes \`${node.id}\`${where}`);
    else nodes.set(String(node.id), node);
  }
  const extra = isObject(json.extra) ? json.extra : {};
  const parents = new Map<number, number>();
  for (const it of list(extra.linkExtensions)) {
    if (isObject(it) && isNumber(it.id) && isNumber(it.parentId)) parents.set(it.id, it.parentId);
  }
  const links = new Map<number, Link>();
  for (const it of list(json.links)) {
    // Old files have nulls where links were deleted.
    if (it === null) continue;
    const link = readLink(it, parents);
    if (link) links.set(link.id, link);
    else problems.push(`a link${where} cannot be understood: ${JSON.stringify(it, bigText).slice(0, 80)}`);
  }
  const reroutes = new Map<number, Reroute>();
  for (const it of list(json.reroutes ?? extra.reroutes)) {
    if (!isObject(it) || !isNumber(it.id)) continue;
    const { id, pos, parentId, linkIds, ...rest } = it;
    reroutes.set(it.id, {
      id: it.id,
      pos: point(pos, [0, 0]),
      linkIds: list(linkIds).filter(isNumber),
      ...(isNumber(parentId) ? { parentId } : {}),
      rest,
    });
  }
  const rest = Object.fromEntries(Object.entries(json).filter(([key]) => !KNOWN.has(key) || (root && key === "name")));
  return {
    ...emptyLayer(id),
    name: !root && typeof json.name === "string" ? json.name : "",
    nodes,
    links,
    reroutes,
    groups: list(json.groups).flatMap((it, i) => readGroup(it, i)),
    inputs: root ? [] : list(json.inputs).flatMap(readPort),
    outputs: root ? [] : list(json.outputs).flatMap(readPort),
    rest,
  };
}

const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const bigText = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);

/** Old files write pairs as objects with the keys 0 and 1. */
function point(value: Json | undefined, otherwise: Point): Point {
  const pair = Array.isArray(value) ? (value as Json[]) : isObject(value) ? [value["0"], value["1"]] : [];
  return isNumber(pair[0]) && isNumber(pair[1]) ? [pair[0], pair[1]] : otherwise;
}

function readNode(json: Json): GraphNode | string {
  if (!isObject(json)) return "a node is not an object";
  const id = typeof json.id === "number" || typeof json.id === "string" ? json.id : null;
  if (id === null) return "a node has no id";
  if (typeof json.type !== "string") return `node \`${id}\` has no type`;
  const slots = (value: Json | undefined) => (Array.isArray(value) ? value.filter((it) => isObject(it)) : undefined);
  const inputs = slots(json.inputs)?.map((it) => ({ ...it, name: typeof it.name === "string" ? it.name : "" }));
  const outputs = slots(json.outputs)?.map((it) => ({ ...it, name: typeof it.name === "string" ? it.name : "" }));
  return {
    ...json,
    id,
    type: json.type,
    pos: point(json.pos, [0, 0]),
    size: point(json.size, [240, 80]),
    ...(inputs ? { inputs } : {}),
    ...(outputs ? { outputs } : {}),
  } as GraphNode;
}

/** A link as `[id, origin, slot, target, slot, type]` or as an object. */
function readLink(json: Json, parents: ReadonlyMap<number, number>): Link | null {
  const parts: (Json | undefined)[] = Array.isArray(json)
    ? (json as Json[])
    : isObject(json)
      ? [json.id, json.origin_id, json.origin_slot, json.target_id, json.target_slot, json.type]
      : [];
  const [id, origin, originSlot, target, targetSlot, type] = parts;
  const numbers = [id, originSlot, targetSlot].map(Number);
  if (!numbers.every(Number.isSafeInteger) || origin === undefined || target === undefined || numbers[1]! < 0 || numbers[2]! < 0) return null;
  const parent = isObject(json) && isNumber(json.parentId) ? json.parentId : parents.get(numbers[0]!);
  const known = new Set(["id", "origin_id", "origin_slot", "target_id", "target_slot", "type", "parentId"]);
  const rest = isObject(json) ? Object.fromEntries(Object.entries(json).filter(([key]) => !known.has(key))) : {};
  return {
    id: numbers[0]!,
    origin: String(origin),
    originSlot: numbers[1]!,
    target: String(target),
    targetSlot: numbers[2]!,
    type: type ?? "*",
    ...(parent === undefined ? {} : { parentId: parent }),
    ...(Object.keys(rest).length ? { rest } : {}),
  };
}

function readGroup(json: Json, i: number): Group[] {
  if (!isObject(json)) return [];
  const { id, title, bounding, color, ...rest } = json;
  const box = list(bounding).map(Number);
  if (box.length < 4 || !box.every(Number.isFinite)) return [];
  return [
    {
      id: isNumber(id) ? id : i + 1,
      title: typeof title === "string" ? title : "Group",
      bounding: [box[0]!, box[1]!, box[2]!, box[3]!],
      ...(typeof color === "string" ? { color } : {}),
      ...(isNumber(id) ? {} : { unnumbered: true as const }),
      rest,
    },
  ];
}

function readPort(json: Json): Port[] {
  if (!isObject(json)) return [];
  const { id, name, type, linkIds, label, ...rest } = json;
  return [
    {
      id: typeof id === "string" ? id : crypto.randomUUID(),
      name: typeof name === "string" ? name : "",
      type: type ?? "*",
      linkIds: list(linkIds).filter(isNumber),
      ...(typeof label === "string" ? { label } : {}),
      rest,
    },
  ];
}

/** Reads a prompt and lays it out. Inputs that the class does not declare become sockets when they are linked. */
export function readPrompt(prompt: JsonObject, catalog: Catalog): Document {
  const problems: string[] = [];
  let doc = emptyDocument();
  for (const [id, json] of Object.entries(prompt)) {
    if (!isObject(json) || typeof json.class_type !== "string") {
      problems.push(`node \`${id}\` has no class_type`);
      continue;
    }
    const inputs = isObject(json.inputs) ? json.inputs : {};
    const declared = catalog.spec(json.class_type);
    const spec = declared && liveSpec(declared, (_, choice) => inputs[choice.name], (name) => Array.isArray(inputs[name]));
    const literal = (name: string) => {
      const value = inputs[name];
      return Array.isArray(value) ? undefined : isObject(value) && "__value__" in value ? value.__value__ : value;
    };
    const title = isObject(json._meta) && typeof json._meta.title === "string" ? json._meta.title : undefined;
    const number = /^(0|[1-9]\d{0,14})$/.test(id) ? Number(id) : id;
    let node = newNode(catalog, json.class_type, [0, 0], number);
    if (spec) {
      const values = inOrder(
        spec,
        (input, widget) => {
          const value = literal(input.name);
          return widget.kind === "string" && widget.dynamic && typeof value === "string" ? undrawn(value) : value;
        },
        // A seed that somebody chose is the seed that is wanted again.
        () => "fixed",
      );
      node = { ...node, widgets_values: values };
    } else {
      const named = Object.fromEntries(Object.keys(inputs).flatMap((name) => (literal(name) === undefined ? [] : [[name, literal(name)]])));
      node = { ...node, widgets_values_named: named };
    }
    if (title && title !== spec?.title) node = { ...node, title };
    doc = withNode(doc, ROOT, node);
  }
  if (problems.length) throw new DocumentError(problems);
  for (const [id, json] of Object.entries(prompt)) {
    const inputs = isObject(json) && isObject(json.inputs) ? json.inputs : {};
    for (const [name, value] of Object.entries(inputs)) {
      const [from, slot] = Array.isArray(value) && value.length === 2 ? (value as Json[]) : [];
      if (typeof from !== "string" || !isNumber(slot)) continue;
      const source = layerOf(doc, ROOT).nodes.get(from);
      if (!source) continue;
      const class_type = isObject(json) ? json.class_type : undefined;
      const declared = catalog.spec(typeof class_type === "string" ? class_type : "");
      const live = declared && liveSpec(declared, (_, choice) => inputs[choice.name], (it) => Array.isArray(inputs[it]));
      const spec = live?.inputs.find((it) => it.name === name);
      const given = catalog.spec(source.type)?.outputs[slot]?.type;
      doc = connect(doc, ROOT, {
        origin: from,
        originSlot: slot,
        target: id,
        input: { name, type: spec?.type ?? "*", widget: spec?.widget != null },
        type: given ?? spec?.type ?? "*",
      });
    }
  }
  return arrange(doc, ROOT, catalog);
}
