//! Nodes become a subgraph, and a subgraph becomes nodes again.

import type { Catalog } from "./catalog";
import { connectFromOutside, freeName, freeNodeId, newNode, patchNodes, withLayer } from "./edit";
import { faceOf, withRow, type Row } from "./face";
import { copyNodes } from "./clipboard";
import type { Json, JsonObject } from "./json";
import { emptyLayer, INPUT_NODE, inputsOf, keyOf, layerOf, OUTPUT_NODE, outputsOf, ROOT, socketType, type Document, type GraphNode, type Layer, type Link, type NodeInput, type Port } from "./model";
import { promotedEnd } from "./prompt";

/** Puts nodes into a new subgraph; one node stands for them, linked as they were. Returns the document and that node's id. */
export function createSubgraph(doc: Document, layerId: string, ids: readonly string[], catalog: Catalog, name = "New subgraph"): { doc: Document; id: string } | null {
  const layer = layerOf(doc, layerId);
  const chosen = new Set(ids.filter((id) => layer.nodes.has(id)));
  if (!chosen.size) return null;
  const definition = crypto.randomUUID();
  const inputs: Port[] = [];
  const outputs: Port[] = [];
  const inner = new Map<number, Link>();
  const outer = new Map(layer.links);
  // From where an input is fed decides how many inputs there are: what one output feeds comes in once.
  const inputOf = new Map<string, number>();
  const outputOf = new Map<string, number>();
  const fed: { slot: number; link: Link }[] = [];
  const given: { slot: number; link: Link }[] = [];
  for (const link of layer.links.values()) {
    const from = chosen.has(link.origin);
    const to = chosen.has(link.target);
    if (!from && !to) continue;
    if (from && to) {
      inner.set(link.id, link);
      outer.delete(link.id);
    } else if (to) {
      const key = `${link.origin}\0${link.originSlot}`;
      const target = layer.nodes.get(link.target)!;
      const socket = inputsOf(target)[link.targetSlot];
      let slot = inputOf.get(key);
      if (slot === undefined) {
        slot = inputs.length;
        inputOf.set(key, slot);
        inputs.push({ id: crypto.randomUUID(), name: freeName(inputs, socket?.name || socketType(link.type).toLowerCase()), type: socketType(socket?.type ?? link.type), linkIds: [], rest: {} });
        fed.push({ slot, link });
      } else outer.delete(link.id);
      inputs[slot] = { ...inputs[slot]!, linkIds: [...inputs[slot]!.linkIds, link.id] };
      inner.set(link.id, { ...link, origin: INPUT_NODE, originSlot: slot });
    } else {
      const key = `${link.origin}\0${link.originSlot}`;
      const socket = outputsOf(layer.nodes.get(link.origin)!)[link.originSlot];
      let slot = outputOf.get(key);
      if (slot === undefined) {
        slot = outputs.length;
        outputOf.set(key, slot);
        outputs.push({ id: crypto.randomUUID(), name: freeName(outputs, socket?.name || socketType(link.type)), type: socketType(socket?.type ?? link.type), linkIds: [link.id], rest: {} });
        inner.set(link.id, { ...link, target: OUTPUT_NODE, targetSlot: slot });
      }
      given.push({ slot, link });
    }
  }
  const nodes = [...chosen].map((id) => layer.nodes.get(id)!);
  const left = Math.min(...nodes.map((it) => it.pos[0]));
  const top = Math.min(...nodes.map((it) => it.pos[1]));
  const right = Math.max(...nodes.map((it) => it.pos[0] + it.size[0]));
  const wanted = new Set(inner.keys());
  const tidied = nodes.map((node) => ({
    ...node,
    inputs: inputsOf(node).map((it) => (it.link != null && !wanted.has(it.link) ? { ...it, link: null } : it)),
    outputs: outputsOf(node).map((it) => ({ ...it, links: it.links?.filter((id) => wanted.has(id)) ?? null })),
  }));
  const body: Layer = {
    ...emptyLayer(definition, name),
    nodes: new Map(tidied.map((it) => [keyOf(it), it])),
    links: inner,
    inputs,
    outputs,
    rest: {
      id: definition,
      version: 1,
      state: {},
      revision: 0,
      config: {},
      inputNode: { id: -10, bounding: [left - 200, top, 120, 40 + inputs.length * 20] },
      outputNode: { id: -20, bounding: [right + 80, top, 120, 40 + outputs.length * 20] },
      widgets: [],
    },
  };
  let out: Document = { ...doc, layers: new Map(doc.layers).set(definition, body) };
  const id = freeNodeId(doc);
  const middle = [(left + right) / 2 - 120, top] as const;
  let instance = newNode(catalog, definition, middle, id, out);
  instance = {
    ...instance,
    inputs: inputs.map((port, slot): NodeInput => ({ name: port.name, type: port.type, link: fed.find((it) => it.slot === slot)?.link.id ?? null })),
    outputs: outputs.map((port, slot) => ({ name: port.name, type: port.type, links: given.filter((it) => it.slot === slot).map((it) => it.link.id) })),
  };
  for (const { slot, link } of fed) outer.set(link.id, { ...link, target: String(id), targetSlot: slot });
  for (const { slot, link } of given) outer.set(link.id, { ...link, origin: String(id), originSlot: slot });
  // An output that fed several nodes of the subgraph now feeds one input.
  const rest = new Map([...layer.nodes].filter(([key]) => !chosen.has(key)));
  for (const [key, node] of rest) {
    const lost = outputsOf(node).some((it) => it.links?.some((link) => !outer.has(link)));
    if (lost) rest.set(key, { ...node, outputs: outputsOf(node).map((it) => ({ ...it, links: it.links?.filter((link) => outer.has(link)) ?? null })) });
  }
  rest.set(String(id), instance);
  out = withLayer(out, { ...layer, nodes: rest, links: outer });
  return { doc: out, id: String(id) };
}

/** Puts the nodes of a subgraph in the place of the node that stands for it. Returns the ids of the new nodes. */
export function unpackSubgraph(doc: Document, layerId: string, id: string, catalog: Catalog): { doc: Document; ids: string[] } | null {
  const layer = layerOf(doc, layerId);
  const instance = layer.nodes.get(id);
  const body = instance && doc.layers.get(instance.type);
  if (!instance || !body) return null;
  let next = freeNodeId(doc);
  const names = new Map([...body.nodes.keys()].map((key) => [key, next++]));
  const inside = [...body.nodes.values()];
  const left = Math.min(...inside.map((it) => it.pos[0]), Infinity);
  const top = Math.min(...inside.map((it) => it.pos[1]), Infinity);
  const valued = new Map(inside.map((it) => [keyOf(it), it]));
  // What was typed on the outside goes to the widgets inside.
  for (const row of faceOf(doc, layer, instance, catalog).rows) {
    const end = endOf(doc, body, row.key, instance);
    const node = end && valued.get(end.node);
    if (node && row.value !== undefined) valued.set(end.node, withRow(doc, node, catalog, end.row, row.value));
  }
  const made = new Map<string, GraphNode>();
  for (const [key, node] of valued) {
    const fresh = names.get(key)!;
    made.set(String(fresh), {
      ...node,
      id: fresh,
      pos: [node.pos[0] - left + instance.pos[0], node.pos[1] - top + instance.pos[1]],
      inputs: inputsOf(node).map((it) => ({ ...it, link: null })),
      outputs: outputsOf(node).map((it) => ({ ...it, links: null })),
    });
  }
  const sources = new Map<number, { origin: string; originSlot: number }>();
  inputsOf(instance).forEach((input) => {
    const slot = body.inputs.findIndex((port) => port.name === input.name);
    const link = input.link == null ? undefined : layer.links.get(input.link);
    if (slot >= 0 && link) sources.set(slot, link);
  });
  const wires: { origin: string; originSlot: number; target: string; targetSlot: number; type: Json }[] = [];
  for (const link of body.links.values()) {
    if (link.target === OUTPUT_NODE) continue;
    const from = link.origin === INPUT_NODE ? sources.get(link.originSlot) : { origin: String(names.get(link.origin)), originSlot: link.originSlot };
    const target = names.get(link.target);
    if (from && target !== undefined) wires.push({ ...from, target: String(target), targetSlot: link.targetSlot, type: link.type });
  }
  for (const link of layer.links.values()) {
    if (link.origin !== id || link.target === id) continue;
    const end = [...body.links.values()].find((it) => it.target === OUTPUT_NODE && it.targetSlot === link.originSlot);
    if (!end) continue;
    const from = end.origin === INPUT_NODE ? sources.get(end.originSlot) : { origin: String(names.get(end.origin)), originSlot: end.originSlot };
    if (from) wires.push({ ...from, target: link.target, targetSlot: link.targetSlot, type: link.type });
  }
  // The node goes, and with it its links.
  const gone = new Set([...layer.links.values()].filter((it) => it.origin === id || it.target === id).map((it) => it.id));
  const nodes = new Map<string, GraphNode>();
  for (const [key, node] of layer.nodes) {
    if (key === id) continue;
    nodes.set(key, {
      ...node,
      inputs: inputsOf(node).map((it) => (it.link != null && gone.has(it.link) ? { ...it, link: null } : it)),
      outputs: outputsOf(node).map((it) => (it.links?.some((link) => gone.has(link)) ? { ...it, links: it.links.filter((link) => !gone.has(link)) } : it)),
    });
  }
  for (const [key, node] of made) nodes.set(key, node);
  const links = new Map([...layer.links].filter(([key]) => !gone.has(key)));
  let linkId = Math.max(Number(layer.rest.last_link_id) || 0, 0, ...layer.links.keys());
  for (const wire of wires) {
    const link: Link = { id: ++linkId, ...wire };
    const origin = nodes.get(wire.origin);
    const target = nodes.get(wire.target);
    if (!origin || !target) continue;
    links.set(link.id, link);
    nodes.set(wire.target, { ...target, inputs: inputsOf(target).map((it, i) => (i === wire.targetSlot ? { ...it, link: link.id } : it)) });
    const source = nodes.get(wire.origin)!;
    nodes.set(wire.origin, { ...source, outputs: outputsOf(source).map((it, i) => (i === wire.originSlot ? { ...it, links: [...(it.links ?? []), link.id] } : it)) });
  }
  let out = withLayer(doc, { ...layer, nodes, links });
  const used = [...out.layers.values()].some((it) => [...it.nodes.values()].some((node) => node.type === instance.type));
  if (!used) {
    const layers = new Map(out.layers);
    layers.delete(instance.type);
    out = { ...out, layers };
  }
  return { doc: out, ids: [...made.keys()] };
}

/** Which widget inside a row of the outside stands for. */
function endOf(doc: Document, body: Layer, key: string, instance: GraphNode): { node: string; row: string } | null {
  if (key.startsWith("proxy:")) {
    const listed = (instance.properties?.proxyWidgets as Json[] | undefined)?.filter((it) => Array.isArray(it) && !String((it as Json[])[1]).startsWith("$$"));
    const pair = listed?.[Number(key.slice(6))] as Json[] | undefined;
    return pair ? { node: String(pair[0]), row: String(pair[1]) } : null;
  }
  const slot = body.inputs.findIndex((port) => port.name === key.slice(3));
  const link = [...body.links.values()].find((it) => it.origin === INPUT_NODE && it.originSlot === slot);
  const node = link && body.nodes.get(link.target);
  const input = node && inputsOf(node)[link.targetSlot];
  if (!node || !input) return null;
  return { node: keyOf(node), row: doc.layers.has(node.type) ? `in:${input.name}` : input.name };
}

/** Renames a subgraph. Nodes that stand for it and have no title of their own follow. */
export function renameSubgraph(doc: Document, id: string, name: string): Document {
  return withLayer(doc, { ...layerOf(doc, id), name });
}

/** Takes an input or an output of a subgraph away, in its definition and on all nodes that stand for it. */
export function removePort(doc: Document, id: string, side: "inputs" | "outputs", slot: number, catalog: Catalog): Document {
  const layer = layerOf(doc, id);
  const port = layer[side][slot];
  if (!port) return doc;
  const [end, at] = side === "inputs" ? (["origin", "originSlot"] as const) : (["target", "targetSlot"] as const);
  const node = side === "inputs" ? INPUT_NODE : OUTPUT_NODE;
  const gone = new Set([...layer.links.values()].filter((it) => it[end] === node && it[at] === slot).map((it) => it.id));
  const links = new Map<number, Link>();
  for (const link of layer.links.values()) {
    if (gone.has(link.id)) continue;
    links.set(link.id, link[end] === node && link[at] > slot ? { ...link, [at]: link[at] - 1 } : link);
  }
  const nodes = new Map(
    [...layer.nodes].map(([key, it]) => [
      key,
      {
        ...it,
        inputs: inputsOf(it).map((input) => (input.link != null && gone.has(input.link) ? { ...input, link: null } : input)),
        outputs: outputsOf(it).map((output) => (output.links?.some((link) => gone.has(link)) ? { ...output, links: output.links.filter((link) => !gone.has(link)) } : output)),
      } as GraphNode,
    ]),
  );
  let out = withLayer(doc, { ...layer, nodes, links, [side]: layer[side].filter((_, i) => i !== slot) });
  const shows = side === "inputs" && promotedEnd(doc, catalog, layer, slot) !== null;
  const place = shows ? layer.inputs.slice(0, slot).filter((_, i) => promotedEnd(doc, catalog, layer, i)).length : -1;
  // Outside, later sockets and values move up by one.
  for (const holder of doc.layers.values()) {
    for (const instance of holder.nodes.values()) if (instance.type === id) out = patchNodes(dropSocket(out, holder.id, keyOf(instance), side, port.name, slot), holder.id, [keyOf(instance)], (it) => (shows ? withoutValue(it, port.name, place) : it));
  }
  return out;
}

function dropSocket(doc: Document, layerId: string, id: string, side: "inputs" | "outputs", name: string, slot: number): Document {
  const layer = layerOf(doc, layerId);
  const instance = layer.nodes.get(id)!;
  const at = side === "inputs" ? inputsOf(instance).findIndex((it) => it.name === name) : slot;
  if (at < 0) return doc;
  const [end, end_slot] = side === "inputs" ? (["target", "targetSlot"] as const) : (["origin", "originSlot"] as const);
  const links = new Map<number, Link>();
  const gone = new Set<number>();
  for (const link of layer.links.values()) {
    if (link[end] === id && link[end_slot] === at) gone.add(link.id);
    else links.set(link.id, link[end] === id && link[end_slot] > at ? { ...link, [end_slot]: link[end_slot] - 1 } : link);
  }
  const nodes = new Map(layer.nodes);
  for (const [key, node] of nodes) {
    nodes.set(key, {
      ...node,
      inputs: inputsOf(node)
        .filter((_, i) => !(key === id && side === "inputs" && i === at))
        .map((it) => (it.link != null && gone.has(it.link) ? { ...it, link: null } : it)),
      outputs: outputsOf(node)
        .filter((_, i) => !(key === id && side === "outputs" && i === at))
        .map((it) => (it.links?.some((link) => gone.has(link)) ? { ...it, links: it.links.filter((link) => !gone.has(link)) } : it)),
    });
  }
  return withLayer(doc, { ...layer, nodes, links });
}


/** A workflow of one node that stands for a subgraph: how subgraphs are kept for other workflows. */
export function blueprintOf(doc: Document, layerId: string, id: string, name: string): JsonObject | null {
  const layer = layerOf(doc, layerId);
  const instance = layer.nodes.get(id);
  if (!instance || !doc.layers.has(instance.type)) return null;
  const named = { ...doc, layers: new Map(doc.layers).set(instance.type, { ...layerOf(doc, instance.type), name }) };
  const { mark: _, feeds: __, ...workflow } = copyNodes(named, layerId, [id]);
  const nodes = Array.isArray(workflow.nodes) ? (workflow.nodes as JsonObject[]) : [];
  return { ...workflow, nodes: nodes.map(({ title: ___, ...it }) => it) };
}

/** The widgets of a node inside of a subgraph that could be shown on the nodes that stand for it, and whether they are. */
export function promotable(doc: Document, layerId: string, id: string, catalog: Catalog): { row: Row; slot: number | null }[] {
  const layer = layerOf(doc, layerId);
  const node = layer.nodes.get(id);
  if (!node || layerId === ROOT) return [];
  return faceOf(doc, layer, node, catalog).rows.flatMap((row): { row: Row; slot: number | null }[] => {
    const name = row.socket?.name;
    if (name === undefined) return [];
    const link = layer.links.get(inputsOf(node).find((it) => it.name === name)?.link ?? -1);
    if (!link) return [{ row, slot: null }];
    // What another node feeds is no widget any more.
    return link.origin === INPUT_NODE ? [{ row, slot: link.originSlot }] : [];
  });
}

/** Shows a widget on the nodes that stand for the subgraph: as an input of it. They have the widget's value until they get one of their own. */
export function promote(doc: Document, layerId: string, id: string, row: Row): Document {
  if (!row.socket) return doc;
  return connectFromOutside(doc, layerId, layerOf(doc, layerId).inputs.length, id, { name: row.socket.name, type: row.socket.type, widget: true });
}

/** A node that stands for a subgraph without the value that it has for one of the inputs. `place` is where the value stands in its list. */
function withoutValue(node: GraphNode, name: string, place: number): GraphNode {
  const { [name]: _, ...named } = node.widgets_values_named ?? {};
  const list = Array.isArray(node.widgets_values) ? (node.widgets_values as Json[]) : null;
  const values = list && place >= 0 && !node.properties?.proxyWidgets ? { widgets_values: list.filter((__, i) => i !== place) } : {};
  return { ...node, ...values, ...(node.widgets_values_named ? { widgets_values_named: named } : {}) };
}
