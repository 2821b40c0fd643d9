//! A workflow in memory. Nodes are kept as the file writes them, so that what the editor does not know goes back as it came.
//!
//! Everything is immutable: an edit makes a new document that shares what did not change, and undo keeps the old one.

import type { Json, JsonObject } from "./json";

/** The id by which links inside a subgraph name its inputs. */
export const INPUT_NODE = "-10";
/** The id by which links inside a subgraph name its outputs. */
export const OUTPUT_NODE = "-20";
/** The layer that the user sees first. */
export const ROOT = "";

export type Point = readonly [number, number];

/** Whether a node takes part: the numbers of the file format. */
export const Mode = { Active: 0, Muted: 2, Bypassed: 4 } as const;

export interface NodeInput {
  readonly name: string;
  readonly type: Json;
  readonly link?: number | null;
  readonly widget?: JsonObject | null;
  readonly label?: string;
  readonly [key: string]: Json | undefined;
}

export interface NodeOutput {
  readonly name: string;
  readonly type: Json;
  readonly links?: readonly number[] | null;
  readonly label?: string;
  readonly [key: string]: Json | undefined;
}

export interface GraphNode {
  readonly id: number | string;
  readonly type: string;
  readonly pos: Point;
  readonly size: Point;
  readonly mode?: number;
  readonly order?: number;
  readonly flags?: JsonObject;
  readonly title?: string;
  readonly color?: string;
  readonly bgcolor?: string;
  readonly inputs?: readonly NodeInput[];
  readonly outputs?: readonly NodeOutput[];
  readonly properties?: JsonObject;
  readonly widgets_values?: Json;
  readonly widgets_values_named?: JsonObject;
  readonly [key: string]: Json | undefined;
}

export interface Link {
  readonly id: number;
  readonly origin: string;
  readonly originSlot: number;
  readonly target: string;
  readonly targetSlot: number;
  readonly type: Json;
  /** The last of the points that it is drawn through. */
  readonly parentId?: number;
  readonly rest?: JsonObject;
}

/** A point that links are drawn through. */
export interface Reroute {
  readonly id: number;
  readonly pos: Point;
  readonly parentId?: number;
  readonly linkIds: readonly number[];
  readonly rest?: JsonObject;
}

export interface Group {
  readonly id: number;
  /** Whether the file gave it no id. */
  readonly unnumbered?: true;
  readonly title: string;
  /** x, y, width, height. */
  readonly bounding: readonly [number, number, number, number];
  readonly color?: string;
  readonly rest: JsonObject;
}

/** An end of a subgraph. */
export interface Port {
  readonly id: string;
  readonly name: string;
  readonly type: Json;
  readonly linkIds: readonly number[];
  readonly label?: string;
  readonly rest: JsonObject;
}

/** A level of nodes: the whole workflow, or the inside of a subgraph. */
export interface Layer {
  readonly id: string;
  readonly name: string;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly links: ReadonlyMap<number, Link>;
  readonly reroutes: ReadonlyMap<number, Reroute>;
  readonly groups: readonly Group[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** All else that the file says. */
  readonly rest: JsonObject;
}

export interface Document {
  /** The layer [`ROOT`] and one for each subgraph definition. */
  readonly layers: ReadonlyMap<string, Layer>;
  readonly version: 0.4 | 1;
}

/** What is wrong with a document, all at once. */
export class DocumentError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "DocumentError";
  }
}

export const emptyLayer = (id: string, name = ""): Layer => ({
  id,
  name,
  nodes: new Map(),
  links: new Map(),
  reroutes: new Map(),
  groups: [],
  inputs: [],
  outputs: [],
  rest: {},
});

export const emptyDocument = (): Document => ({
  layers: new Map([[ROOT, { ...emptyLayer(ROOT), rest: { id: crypto.randomUUID(), revision: 0, config: {}, extra: {} } }]]),
  version: 0.4,
});

export function layerOf(doc: Document, id: string): Layer {
  const layer = doc.layers.get(id);
  if (!layer) throw new DocumentError([`there is no subgraph \`${id}\``]);
  return layer;
}

export const keyOf = (node: GraphNode): string => String(node.id);

export const inputsOf = (node: GraphNode): readonly NodeInput[] => node.inputs ?? [];
export const outputsOf = (node: GraphNode): readonly NodeOutput[] => node.outputs ?? [];

/** The type of a socket. Old files write the options of a choice in its place, and 0 for "anything". */
export function socketType(type: Json | undefined): string {
  if (typeof type === "string") return type === "" ? "*" : type;
  return Array.isArray(type) ? "COMBO" : "*";
}

export function isAny(type: string): boolean {
  return type === "" || type === "*";
}

/** Whether two sockets may be linked: equal, a wildcard, or lists with a common member, whatever the case. */
export function connects(a: string, b: string): boolean {
  if (a === b || isAny(a) || isAny(b)) return true;
  const members = (it: string) => it.toLowerCase().split(",").map((member) => member.trim());
  const right = members(b);
  return members(a).some((member) => member === "*" || right.includes(member)) || right.includes("*");
}

/** What a node is to the prompt. */
export type Kind = "real" | "subgraph" | "reroute" | "primitive" | "set" | "get" | "note" | "group";

export function kindOf(doc: Document, node: GraphNode): Kind {
  if (node.type !== ROOT && doc.layers.has(node.type)) return "subgraph";
  switch (node.type) {
    case "Reroute":
      return "reroute";
    case "PrimitiveNode":
      return "primitive";
    case "Note":
    case "MarkdownNote":
      return "note";
    case "SetNode":
      return "set";
    case "GetNode":
      return "get";
    default:
      return /^workflow[>/]/.test(node.type) ? "group" : "real";
  }
}
