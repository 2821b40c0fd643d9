//! Colours of types, and the things that the canvas draws.

import type { Edge, Node } from "@xyflow/react";
import type { Face } from "../document/face";
import type { Shape } from "../document/geometry";
import type { GraphNode, Group, Port } from "../document/model";

const NAMED = new Set(["MODEL", "CLIP", "VAE", "CONDITIONING", "LATENT", "IMAGE", "MASK", "INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "CONTROL_NET", "SIGMAS", "SAMPLER", "NOISE", "GUIDER", "CLIP_VISION", "AUDIO", "VIDEO"]);

/** The colour of a type: its own, or one that follows from its name. */
export function colourOf(type: string): string {
  const first = type.split(",")[0] ?? "";
  if (NAMED.has(first)) return `var(--t-${first})`;
  if (first === "*" || first === "") return "var(--t-any)";
  let hash = 7;
  for (let i = 0; i < first.length; i++) hash = (hash * 31 + first.charCodeAt(i)) % 360;
  return `hsl(${hash} var(--t-sat) var(--t-light))`;
}

export interface NodeData extends Record<string, unknown> {
  readonly node: GraphNode;
  readonly face: Face;
  readonly shape: Shape;
  readonly tab: string;
  /** The id of the node when it runs. */
  readonly run: string;
  /** How many widgets are out of sight. */
  readonly folded: number;
}

export interface EndsData extends Record<string, unknown> {
  readonly side: "input" | "output";
  readonly ports: readonly Port[];
}

export type NodeOnCanvas = Node<NodeData, "node">;
export type GroupOnCanvas = Node<{ group: Group }, "group">;
export type PointOnCanvas = Node<{ type: string }, "point">;
export type EndsOnCanvas = Node<EndsData, "ends">;
export type OnCanvas = NodeOnCanvas | GroupOnCanvas | PointOnCanvas | EndsOnCanvas;

export type LinkOnCanvas = Edge<{ type: string; points: readonly string[]; muted: boolean }, "link">;

/** The colours that nodes can be given. */
export const PALETTE: readonly { readonly name: string; readonly title: string; readonly body: string }[] = [
  { name: "Red", title: "#322", body: "#533" },
  { name: "Brown", title: "#332922", body: "#593930" },
  { name: "Green", title: "#232", body: "#353" },
  { name: "Blue", title: "#223", body: "#335" },
  { name: "Pale blue", title: "#2a363b", body: "#3f5159" },
  { name: "Cyan", title: "#233", body: "#355" },
  { name: "Purple", title: "#323", body: "#535" },
  { name: "Yellow", title: "#432", body: "#653" },
  { name: "Black", title: "#222", body: "#000" },
];
