//! Copies of nodes: a piece of a document that can be pasted into any other.

import { freeNodeId, withLayer } from "./edit";
import { isObject, type Json, type JsonObject } from "./json";
import { inputsOf, keyOf, layerOf, outputsOf, ROOT, type Document, type Group, type Layer, type Link, type Point } from "./model";
import { readWorkflow } from "./read";
import { writeDocument } from "./write";

/** Nodes on their way, as a small workflow. `feeds` are links that came from elsewhere. */
const MARK = "burnish/nodes";

/** Copies nodes and groups, with the links among them and the subgraphs that they stand for. */
export function copyNodes(doc: Document, layerId: string, ids: Iterable<string>, groups: readonly number[] = []): JsonObject {
  const layer = layerOf(doc, layerId);
  const chosen = new Set(ids);
  const nodes = new Map([...layer.nodes].filter(([id]) => chosen.has(id)));
  const all = [...layer.links.values()];
  const links = new Map(all.filter((it) => chosen.has(it.origin) && chosen.has(it.target)).map((it) => [it.id, it]));
  const feeds = all.filter((it) => !chosen.has(it.origin) && chosen.has(it.target) && layer.nodes.has(it.origin));
  const layers = new Map<string, Layer>([[ROOT, { ...layer, id: ROOT, nodes, links, reroutes: new Map(), groups: layer.groups.filter((it) => groups.includes(it.id)), inputs: [], outputs: [], rest: {} }]]);
  const need = (it: Layer) => {
    for (const node of it.nodes.values()) {
      const inner = node.type === ROOT || layers.has(node.type) ? undefined : doc.layers.get(node.type);
      if (!inner) continue;
      layers.set(node.type, inner);
      need(inner);
    }
  };
  need(layers.get(ROOT)!);
  return { ...writeDocument({ layers, version: 0.4 }), mark: MARK, feeds: feeds.map((it) => [it.origin, it.originSlot, it.target, it.targetSlot, it.type]) };
}

/** Whether JSON is a copy of nodes. */
export const isCopy = (json: Json): json is JsonObject => isObject(json) && json.mark === MARK;

export interface Pasted {
  readonly doc: Document;
  readonly ids: string[];
}

/** Pastes a copy, or a whole workflow, with its upper left corner at a place; `keepFeeds` links it to what fed the nodes before. */
export function pasteNodes(doc: Document, layerId: string, copy: JsonObject, at: Point, keepFeeds = false): Pasted {
  const { mark: _, feeds, ...workflow } = copy;
  const source = readWorkflow(workflow);
  const from = layerOf(source, ROOT);
  const layers = new Map(doc.layers);
  for (const [id, layer] of source.layers) if (id !== ROOT && !layers.has(id)) layers.set(id, layer);
  const layer = layerOf(doc, layerId);
  let next = freeNodeId({ ...doc, layers });
  const names = new Map([...from.nodes.keys()].map((id) => [id, next++]));
  const boxes = [...[...from.nodes.values()].map((it) => it.pos), ...from.groups.map((it) => [it.bounding[0], it.bounding[1]] as const)];
  const dx = at[0] - Math.min(...boxes.map((it) => it[0]));
  const dy = at[1] - Math.min(...boxes.map((it) => it[1]));
  let linkId = Math.max(Number(layer.rest.last_link_id) || 0, 0, ...layer.links.keys());
  const links = new Map(layer.links);
  const renamed = new Map<number, number>();
  for (const link of from.links.values()) {
    const origin = names.get(link.origin);
    const target = names.get(link.target);
    if (origin === undefined || target === undefined) continue;
    const { parentId: _parent, ...plain } = link;
    const made: Link = { ...plain, id: ++linkId, origin: String(origin), target: String(target) };
    renamed.set(link.id, made.id);
    links.set(made.id, made);
  }
  const nodes = new Map(layer.nodes);
  for (const [id, node] of from.nodes) {
    const fresh = names.get(id)!;
    nodes.set(String(fresh), {
      ...node,
      id: fresh,
      pos: [Math.round(node.pos[0] + dx), Math.round(node.pos[1] + dy)],
      ...(node.inputs ? { inputs: inputsOf(node).map((it) => ({ ...it, link: it.link == null ? null : (renamed.get(it.link) ?? null) })) } : {}),
      ...(node.outputs ? { outputs: outputsOf(node).map((it) => ({ ...it, links: it.links?.flatMap((link) => renamed.get(link) ?? []) ?? null })) } : {}),
    });
  }
  for (const feed of keepFeeds && Array.isArray(feeds) ? (feeds as Json[]) : []) {
    const [origin, originSlot, target, targetSlot, type] = Array.isArray(feed) ? (feed as Json[]) : [];
    const to = names.get(String(target));
    const source = nodes.get(String(origin));
    const node = to === undefined ? undefined : nodes.get(String(to));
    if (!source || !node || typeof originSlot !== "number" || typeof targetSlot !== "number" || !inputsOf(node)[targetSlot]) continue;
    const id = ++linkId;
    links.set(id, { id, origin: keyOf(source), originSlot, target: keyOf(node), targetSlot, type: type ?? "*" });
    nodes.set(keyOf(node), { ...node, inputs: inputsOf(node).map((it, i) => (i === targetSlot ? { ...it, link: id } : it)) });
    nodes.set(keyOf(source), { ...source, outputs: outputsOf(source).map((it, i) => (i === originSlot ? { ...it, links: [...(it.links ?? []), id] } : it)) });
  }
  let group = Math.max(0, ...layer.groups.map((it) => it.id));
  const groups: Group[] = from.groups.map(({ unnumbered: _, ...it }) => ({ ...it, id: ++group, bounding: [it.bounding[0] + dx, it.bounding[1] + dy, it.bounding[2], it.bounding[3]] }));
  return { doc: withLayer({ ...doc, layers }, { ...layer, nodes, links, groups: [...layer.groups, ...groups] }), ids: [...names.values()].map(String) };
}
