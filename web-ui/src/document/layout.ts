//! Where nodes go when the computer places them.

import dagre from "@dagrejs/dagre";
import type { Catalog } from "./catalog";
import { faceOf } from "./face";
import { shapeOf, TITLE } from "./geometry";
import { layerOf, type Document, type Layer, type Point } from "./model";

const GAP = { columns: 64, rows: 24 };

/** Places nodes in columns, each right of what it needs: all of a layer, or only some. */
export function arrange(doc: Document, layerId: string, catalog: Catalog, only?: ReadonlySet<string>): Document {
  const layer = layerOf(doc, layerId);
  const ids = [...layer.nodes.keys()].filter((id) => !only || only.has(id));
  if (!ids.length) return doc;
  const graph = new dagre.graphlib.Graph({ multigraph: false });
  graph.setGraph({ rankdir: "LR", ranksep: GAP.columns, nodesep: GAP.rows, ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  const here = new Set(ids);
  const sizes = new Map<string, Point>();
  for (const id of ids) {
    const node = layer.nodes.get(id)!;
    const { width, height } = shapeOf(faceOf(doc, layer, node, catalog), node, false);
    sizes.set(id, [width, height]);
    graph.setNode(id, { width, height });
  }
  for (const link of layer.links.values()) {
    if (here.has(link.origin) && here.has(link.target) && link.origin !== link.target) graph.setEdge(link.origin, link.target);
  }
  dagre.layout(graph);
  const corner = (id: string): Point => {
    const { x, y } = graph.node(id);
    const [width, height] = sizes.get(id)!;
    return [Math.round((x - width / 2) / 8) * 8, Math.round((y - height / 2) / 8) * 8 + TITLE];
  };
  const placed = new Map(ids.map((id) => [id, corner(id)] as const));
  // The whole stays where it was.
  const before = bounds(layer, ids, (id) => layer.nodes.get(id)!.pos);
  const after = bounds(layer, ids, (id) => placed.get(id)!);
  const nodes = new Map(layer.nodes);
  for (const [id, [x, y]] of placed) {
    nodes.set(id, { ...nodes.get(id)!, pos: only ? [x + before[0] - after[0], y + before[1] - after[1]] : [x, y] });
  }
  return { ...doc, layers: new Map(doc.layers).set(layerId, { ...layer, nodes }) };
}

function bounds(_: Layer, ids: readonly string[], at: (id: string) => Point): Point {
  return [Math.min(...ids.map((id) => at(id)[0])), Math.min(...ids.map((id) => at(id)[1]))];
}

export type Alignment = "left" | "right" | "top" | "bottom" | "middle" | "center" | "columns" | "rows";

/** Aligns nodes with each other, or spreads them evenly. */
export function align(doc: Document, layerId: string, catalog: Catalog, ids: readonly string[], how: Alignment): Document {
  const layer = layerOf(doc, layerId);
  const boxes = ids.flatMap((id) => {
    const node = layer.nodes.get(id);
    if (!node) return [];
    const { width, height } = shapeOf(faceOf(doc, layer, node, catalog), node, false);
    return [{ id, x: node.pos[0], y: node.pos[1] - TITLE, width, height }];
  });
  if (boxes.length < 2) return doc;
  const left = Math.min(...boxes.map((it) => it.x));
  const right = Math.max(...boxes.map((it) => it.x + it.width));
  const top = Math.min(...boxes.map((it) => it.y));
  const bottom = Math.max(...boxes.map((it) => it.y + it.height));
  const spread = (size: "width" | "height", at: "x" | "y", start: number, end: number) => {
    const sorted = [...boxes].sort((a, b) => a[at] - b[at]);
    const free = end - start - sorted.reduce((sum, it) => sum + it[size], 0);
    const gap = Math.max(free / (sorted.length - 1), 16);
    let next = start;
    for (const box of sorted) {
      box[at] = next;
      next += box[size] + gap;
    }
  };
  if (how === "columns") spread("width", "x", left, right);
  if (how === "rows") spread("height", "y", top, bottom);
  for (const box of boxes) {
    if (how === "left") box.x = left;
    if (how === "right") box.x = right - box.width;
    if (how === "center") box.x = (left + right - box.width) / 2;
    if (how === "top") box.y = top;
    if (how === "bottom") box.y = bottom - box.height;
    if (how === "middle") box.y = (top + bottom - box.height) / 2;
  }
  const nodes = new Map(layer.nodes);
  for (const { id, x, y } of boxes) nodes.set(id, { ...nodes.get(id)!, pos: [Math.round(x), Math.round(y) + TITLE] });
  return { ...doc, layers: new Map(doc.layers).set(layerId, { ...layer, nodes }) };
}
