//! Edits. Each takes a document and gives a new one; links are kept in both their places, the list of links and the sockets.

import type { Catalog } from "./catalog";
import { faceOf, seenFace, withRow } from "./face";
import { naturalSize } from "./geometry";
import { liveSpec, specOf } from "./live";
import {
  connects,
  emptyDocument,
  INPUT_NODE,
  inputsOf,
  isAny,
  keyOf,
  kindOf,
  layerOf,
  Mode,
  OUTPUT_NODE,
  outputsOf,
  ROOT,
  socketType,
  type Document,
  type GraphNode,
  type Group,
  type Layer,
  type Link,
  type NodeInput,
  type NodeOutput,
  type Point,
  type Port,
} from "./model";
import { isObject, type Json } from "./json";
import { defaultOf, inOrder } from "./values";

export function withLayer(doc: Document, layer: Layer): Document {
  return { ...doc, layers: new Map(doc.layers).set(layer.id, layer) };
}

export function withNode(doc: Document, layerId: string, node: GraphNode): Document {
  const layer = layerOf(doc, layerId);
  return withLayer(doc, { ...layer, nodes: new Map(layer.nodes).set(keyOf(node), node) });
}

/** Changes some nodes of a layer. */
export function patchNodes(doc: Document, layerId: string, ids: Iterable<string>, patch: (node: GraphNode) => GraphNode): Document {
  const layer = layerOf(doc, layerId);
  const nodes = new Map(layer.nodes);
  for (const id of ids) {
    const node = nodes.get(id);
    if (node) nodes.set(id, patch(node));
  }
  return withLayer(doc, { ...layer, nodes });
}

/** Sets a widget of a node. Links into inputs that another choice does not have go. */
export function setRow(doc: Document, layerId: string, id: string, catalog: Catalog, key: string, value: Json, what: "value" | "control" = "value"): Document {
  const node = layerOf(doc, layerId).nodes.get(id);
  if (!node) return doc;
  const set = withRow(doc, node, catalog, key, value, what);
  const changed = withNode(doc, layerId, set);
  if (inputsOf(set) === inputsOf(node)) return changed;
  const has = new Set(specOf(catalog, set)?.inputs.map((it) => it.name));
  const lost = inputsOf(set).flatMap((it) => (it.link != null && it.name.startsWith(`${key}.`) && !has.has(it.name) ? [it.link] : []));
  const size = naturalSize(seenFace(faceOf(changed, layerOf(changed, layerId), set, catalog), set));
  const grown = withNode(changed, layerId, { ...set, size: [Math.max(set.size[0], size[0]), Math.max(set.size[1], size[1])] });
  return withLayer(grown, withoutLinks(layerOf(grown, layerId), lost));
}

/** A number that no node of the document has. */
export function freeNodeId(doc: Document): number {
  let most = 0;
  for (const layer of doc.layers.values()) {
    most = Math.max(most, Number(layer.rest.last_node_id) || 0);
    for (const id of layer.nodes.keys()) most = Math.max(most, Number(id) || 0);
  }
  return most + 1;
}

function freeLinkId(layer: Layer): number {
  let most = Number(layer.rest.last_link_id) || 0;
  for (const id of layer.links.keys()) most = Math.max(most, id);
  return most + 1;
}

/** A node as it is when it is added: defaults in its widgets, and as large as it needs to be. */
export function newNode(catalog: Catalog, type: string, pos: Point, id: number | string, doc: Document = emptyDocument()): GraphNode {
  const declared = catalog.spec(type);
  const spec = declared && liveSpec(declared, (_, choice) => (choice.widget ? defaultOf(choice.widget) : undefined), () => false);
  const definition = type === ROOT ? undefined : doc.layers.get(type);
  const slot = (name: string, kind: string): NodeOutput => ({ name, type: kind, links: null });
  let inputs: NodeInput[] = [];
  let outputs: NodeOutput[] = [];
  let values: Json[] = [];
  if (definition) {
    inputs = definition.inputs.map((port) => ({ name: port.name, type: port.type, link: null }));
    outputs = definition.outputs.map((port) => slot(port.name, socketType(port.type)));
  } else if (spec) {
    inputs = spec.inputs.filter((it) => !it.widget).map((it) => ({ name: it.name, type: it.type, link: null }));
    outputs = spec.outputs.map((it) => slot(it.name, it.type));
    values = inOrder(
      spec,
      (_, widget) => defaultOf(widget),
      (_, usual) => usual,
    );
  } else if (type === "Reroute") {
    inputs = [{ name: "", type: "*", link: null }];
    outputs = [slot("", "*")];
  } else if (type === "PrimitiveNode") {
    outputs = [slot("connect to widget input", "*")];
  } else if (type === "Note" || type === "MarkdownNote") values = [""];
  const node: GraphNode = {
    id,
    type,
    pos,
    size: [240, 80],
    flags: {},
    order: 0,
    mode: Mode.Active,
    inputs,
    outputs,
    properties: { "Node name for S&R": type },
    widgets_values: values,
  };
  const size = type === "Reroute" ? ([88, 26] as const) : naturalSize(seenFace(faceOf(doc, { ...layerOf(doc, ROOT) }, node, catalog), node));
  return { ...node, size };
}

/** Where a link is to go. The input is named, as files leave out sockets of widgets that are not linked. */
export interface Connection {
  readonly origin: string;
  readonly originSlot: number;
  readonly target: string;
  readonly input: { readonly name: string; readonly type: string; readonly widget: boolean };
  readonly type: string;
}

/** Links an output to an input, in place of whatever fed that before. */
export function connect(doc: Document, layerId: string, { origin, originSlot, target, input, type }: Connection): Document {
  let layer = layerOf(doc, layerId);
  const targetNode = layer.nodes.get(target);
  if (!targetNode || !layer.nodes.has(origin)) return doc;
  let slot = inputsOf(targetNode).findIndex((it) => it.name === input.name);
  const before = slot < 0 ? undefined : inputsOf(targetNode)[slot]?.link;
  if (before !== null && before !== undefined) layer = withoutLinks(layer, [before]);
  const id = freeLinkId(layer);
  const nodes = new Map(layer.nodes);
  let node = nodes.get(target)!;
  if (slot < 0) {
    slot = inputsOf(node).length;
    const made: NodeInput = { name: input.name, type: input.type, ...(input.widget ? { widget: { name: input.name } } : {}), link: null };
    node = { ...node, inputs: [...inputsOf(node), made] };
  }
  nodes.set(target, { ...node, inputs: inputsOf(node).map((it, i) => (i === slot ? { ...it, link: id } : it)) });
  nodes.set(origin, withOutputLink(nodes.get(origin)!, originSlot, id, type));
  const link: Link = { id, origin, originSlot, target, targetSlot: slot, type };
  return adapted(withLayer(doc, { ...layer, nodes, links: new Map(layer.links).set(id, link) }), layerId, link);
}

/** A reroute or a primitive takes the type of what it is linked to. */
function adapted(doc: Document, layerId: string, link: Link): Document {
  const layer = layerOf(doc, layerId);
  const target = layer.nodes.get(link.target);
  const origin = layer.nodes.get(link.origin);
  if (target && kindOf(doc, target) === "reroute" && !isAny(socketType(link.type))) {
    return patchNodes(doc, layerId, [link.target], (node) => ({ ...node, outputs: outputsOf(node).map((it) => ({ ...it, type: link.type })) }));
  }
  const input = target && inputsOf(target)[link.targetSlot];
  if (origin && input && kindOf(doc, origin) === "primitive" && isAny(socketType(outputsOf(origin)[0]?.type))) {
    return patchNodes(doc, layerId, [link.origin], (node) => ({
      ...node,
      outputs: outputsOf(node).map((it, i) => (i ? it : { ...it, type: input.type, name: socketType(input.type), widget: { name: input.name } })),
    }));
  }
  return doc;
}

function withOutputLink(node: GraphNode, slot: number, link: number, type: string): GraphNode {
  const outputs = [...outputsOf(node)];
  while (outputs.length <= slot) outputs.push({ name: type, type, links: null });
  return { ...node, outputs: outputs.map((it, i) => (i === slot ? { ...it, links: [...(it.links ?? []), link] } : it)) };
}

/** Takes links out of a layer. */
export function withoutLinks(layer: Layer, ids: Iterable<number>): Layer {
  const gone = new Set(ids);
  if (!gone.size) return layer;
  const links = new Map(layer.links);
  const nodes = new Map(layer.nodes);
  for (const id of gone) {
    const link = links.get(id);
    if (!link) continue;
    links.delete(id);
    const target = nodes.get(link.target);
    if (target) nodes.set(link.target, { ...target, inputs: inputsOf(target).map((it) => (it.link === id ? { ...it, link: null } : it)) });
    const origin = nodes.get(link.origin);
    if (origin) {
      const outputs = outputsOf(origin).map((it) => (it.links?.includes(id) ? { ...it, links: it.links.filter((other) => other !== id) } : it));
      nodes.set(link.origin, { ...origin, outputs });
    }
  }
  const left = (ports: readonly Port[]) => (ports.some((it) => it.linkIds.some((id) => gone.has(id))) ? ports.map((it) => ({ ...it, linkIds: it.linkIds.filter((id) => !gone.has(id)) })) : ports);
  const reroutes = new Map(layer.reroutes);
  for (const reroute of layer.reroutes.values()) {
    const linkIds = reroute.linkIds.filter((id) => !gone.has(id));
    if (linkIds.length === 0) reroutes.delete(reroute.id);
    else if (linkIds.length < reroute.linkIds.length) reroutes.set(reroute.id, { ...reroute, linkIds });
  }
  return { ...layer, links, nodes, reroutes, inputs: left(layer.inputs), outputs: left(layer.outputs) };
}

export function disconnect(doc: Document, layerId: string, ids: Iterable<number>): Document {
  return withLayer(doc, withoutLinks(layerOf(doc, layerId), ids));
}

/** Removes nodes and their links. With `heal`, what fed a removed node feeds what it fed, where the types fit. */
export function removeNodes(doc: Document, layerId: string, ids: Iterable<string>, heal = false): Document {
  const gone = new Set(ids);
  let healed = doc;
  if (heal) {
    for (const id of gone) healed = heal1(healed, layerId, id);
  }
  let layer = layerOf(healed, layerId);
  layer = withoutLinks(layer, [...layer.links.values()].filter((it) => gone.has(it.origin) || gone.has(it.target)).map((it) => it.id));
  const nodes = new Map(layer.nodes);
  for (const id of gone) nodes.delete(id);
  return withLayer(healed, { ...layer, nodes });
}

function heal1(doc: Document, layerId: string, id: string): Document {
  const layer = layerOf(doc, layerId);
  const node = layer.nodes.get(id);
  if (!node) return doc;
  let out = doc;
  for (const [slot, output] of outputsOf(node).entries()) {
    const feed = inputsOf(node).find((it) => it.link != null && (kindOf(doc, node) === "reroute" || socketType(it.type) === socketType(output.type)));
    const source = feed?.link == null ? undefined : layer.links.get(feed.link);
    if (!source) continue;
    for (const link of layer.links.values()) {
      if (link.origin !== id || link.originSlot !== slot) continue;
      const input = layer.nodes.get(link.target)?.inputs?.[link.targetSlot];
      if (!input) continue;
      const named = { name: input.name, type: socketType(input.type), widget: input.widget != null };
      out = connect(out, layerId, { origin: source.origin, originSlot: source.originSlot, target: link.target, input: named, type: socketType(source.type) });
    }
  }
  return out;
}

export function moveNodes(doc: Document, layerId: string, places: ReadonlyMap<string, Point>): Document {
  return patchNodes(doc, layerId, places.keys(), (node) => ({ ...node, pos: places.get(keyOf(node)) ?? node.pos }));
}

/** Mutes, bypasses or wakes nodes: wakes them when all have this mode already. */
export function toggleMode(doc: Document, layerId: string, ids: readonly string[], mode: number): Document {
  const layer = layerOf(doc, layerId);
  const all = ids.every((id) => layer.nodes.get(id)?.mode === mode);
  return patchNodes(doc, layerId, ids, (node) => ({ ...node, mode: all ? Mode.Active : mode }));
}

/** Sets or clears a flag of nodes: clears it when all have it already. */
export function toggleFlag(doc: Document, layerId: string, ids: readonly string[], flag: "collapsed" | "pinned"): Document {
  const layer = layerOf(doc, layerId);
  const all = ids.every((id) => layer.nodes.get(id)?.flags?.[flag] === true);
  return patchNodes(doc, layerId, ids, (node) => {
    const { [flag]: _, ...others } = node.flags ?? {};
    return { ...node, flags: all ? others : { ...others, [flag]: true } };
  });
}

export function rename(doc: Document, layerId: string, id: string, title: string): Document {
  return patchNodes(doc, layerId, [id], (node) => {
    const { title: _, ...others } = node;
    return (title.trim() ? { ...others, title: title.trim() } : others) as GraphNode;
  });
}

/** Colours nodes; `null` takes the colour away. */
export function colour(doc: Document, layerId: string, ids: readonly string[], colours: { title: string; body: string } | null): Document {
  return patchNodes(doc, layerId, ids, (node) => {
    const { color: _title, bgcolor: _body, ...others } = node;
    return (colours ? { ...others, color: colours.title, bgcolor: colours.body } : others) as GraphNode;
  });
}

export function addGroup(doc: Document, layerId: string, bounding: Group["bounding"], title = "Group"): Document {
  const layer = layerOf(doc, layerId);
  const id = Math.max(0, ...layer.groups.map((it) => it.id)) + 1;
  return withLayer(doc, { ...layer, groups: [...layer.groups, { id, title, bounding, color: "#3f789e", rest: { font_size: 24, flags: {} } }] });
}

export function patchGroup(doc: Document, layerId: string, id: number, patch: Partial<Pick<Group, "title" | "bounding" | "color">>): Document {
  const layer = layerOf(doc, layerId);
  return withLayer(doc, { ...layer, groups: layer.groups.map((it) => (it.id === id ? { ...it, ...patch } : it)) });
}

export function removeGroups(doc: Document, layerId: string, ids: readonly number[]): Document {
  const layer = layerOf(doc, layerId);
  return withLayer(doc, { ...layer, groups: layer.groups.filter((it) => !ids.includes(it.id)) });
}

/** The nodes of which the middle lies in a box. */
export function nodesInside(layer: Layer, [x, y, width, height]: Group["bounding"]): string[] {
  return [...layer.nodes.values()]
    .filter(({ pos, size }) => {
      const middle = [pos[0] + size[0] / 2, pos[1] + size[1] / 2] as const;
      return middle[0] >= x && middle[0] <= x + width && middle[1] >= y && middle[1] <= y + height;
    })
    .map(keyOf);
}

/** Draws a link through a new point: the one nearest to its target. */
export function addReroute(doc: Document, layerId: string, linkId: number, pos: Point): Document {
  const layer = layerOf(doc, layerId);
  const link = layer.links.get(linkId);
  if (!link) return doc;
  const id = Math.max(0, ...layer.reroutes.keys()) + 1;
  const parent = link.parentId === undefined ? {} : { parentId: link.parentId };
  const reroutes = new Map(layer.reroutes).set(id, { id, pos, ...parent, linkIds: [linkId] });
  return withLayer(doc, { ...layer, reroutes, links: new Map(layer.links).set(linkId, { ...link, parentId: id }) });
}

export function moveReroute(doc: Document, layerId: string, id: number, pos: Point): Document {
  const layer = layerOf(doc, layerId);
  const reroute = layer.reroutes.get(id);
  return reroute ? withLayer(doc, { ...layer, reroutes: new Map(layer.reroutes).set(id, { ...reroute, pos }) }) : doc;
}

export function removeReroute(doc: Document, layerId: string, id: number): Document {
  const layer = layerOf(doc, layerId);
  const gone = layer.reroutes.get(id);
  if (!gone) return doc;
  const next = <T extends { readonly parentId?: number }>(it: T): T => {
    if (it.parentId !== id) return it;
    const { parentId: _, ...others } = it;
    return (gone.parentId === undefined ? others : { ...others, parentId: gone.parentId }) as T;
  };
  const reroutes = new Map([...layer.reroutes].filter(([key]) => key !== id).map(([key, it]) => [key, next(it)]));
  return withLayer(doc, { ...layer, reroutes, links: new Map([...layer.links].map(([key, it]) => [key, next(it)])) });
}

/** The points that a link is drawn through, from its origin to its target. */
export function waypoints(layer: Layer, link: Link): number[] {
  const found: number[] = [];
  for (let at = link.parentId; at !== undefined && !found.includes(at); at = layer.reroutes.get(at)?.parentId) {
    if (!layer.reroutes.has(at)) break;
    found.unshift(at);
  }
  return found;
}

/** The inputs of a node that a new link could feed, free ones first. */
export function openInputs(doc: Document, layer: Layer, node: GraphNode, catalog: Catalog, type: string): { name: string; type: string; widget: boolean; linked: boolean }[] {
  const face = faceOf(doc, layer, node, catalog);
  const sockets = face.inputs.map((it) => ({ name: it.name, type: it.type, widget: false, linked: it.linked }));
  const widgets = face.rows.flatMap(({ socket }) => (socket ? [{ name: socket.name, type: socket.type, widget: true, linked: socket.linked }] : []));
  const fit = [...sockets, ...widgets].filter((it) => connects(it.type, type));
  return [...fit.filter((it) => !it.linked), ...fit.filter((it) => it.linked)];
}

// The ends of a subgraph, seen from inside.

/** Links input `slot` of a subgraph to an input inside; a slot behind the last one makes a new input. */
export function connectFromOutside(doc: Document, layerId: string, slot: number, target: string, input: Connection["input"]): Document {
  let layer = layerOf(doc, layerId);
  const node = layer.nodes.get(target);
  if (!node) return doc;
  let at = inputsOf(node).findIndex((it) => it.name === input.name);
  const before = inputsOf(node)[at]?.link;
  if (before != null) layer = withoutLinks(layer, [before]);
  const id = freeLinkId(layer);
  let ports = layer.inputs;
  const isNew = slot >= ports.length;
  if (isNew) {
    slot = ports.length;
    ports = [...ports, { id: crypto.randomUUID(), name: freeName(ports, input.name || input.type.toLowerCase()), type: input.type, linkIds: [], rest: {} }];
  }
  ports = ports.map((it, i) => (i === slot ? { ...it, linkIds: [...it.linkIds, id] } : it));
  const inner = layer.nodes.get(target)!;
  let slots = [...inputsOf(inner)];
  if (at < 0) {
    at = slots.length;
    slots = [...slots, { name: input.name, type: input.type, ...(input.widget ? { widget: { name: input.name } } : {}), link: null }];
  }
  const nodes = new Map(layer.nodes).set(target, { ...inner, inputs: slots.map((it, i) => (i === at ? { ...it, link: id } : it)) });
  const link: Link = { id, origin: INPUT_NODE, originSlot: slot, target, targetSlot: at, type: input.type };
  const made = withLayer(doc, { ...layer, nodes, inputs: ports, links: new Map(layer.links).set(id, link) });
  const port = ports[slot]!;
  return isNew ? eachInstance(made, layerId, (it) => ({ ...it, inputs: [...inputsOf(it), { name: port.name, type: port.type, ...(input.widget ? { widget: { name: port.name } } : {}), link: null }] })) : made;
}

/** Links an output inside to output `slot` of a subgraph; a slot behind the last one makes a new output. */
export function connectToOutside(doc: Document, layerId: string, origin: string, originSlot: number, slot: number, type: string, name: string): Document {
  let layer = layerOf(doc, layerId);
  if (!layer.nodes.has(origin)) return doc;
  layer = withoutLinks(layer, [...layer.links.values()].filter((it) => it.target === OUTPUT_NODE && it.targetSlot === slot).map((it) => it.id));
  const id = freeLinkId(layer);
  let ports = layer.outputs;
  const isNew = slot >= ports.length;
  if (isNew) {
    slot = ports.length;
    ports = [...ports, { id: crypto.randomUUID(), name: freeName(ports, name || type.toLowerCase()), type, linkIds: [], rest: {} }];
  }
  ports = ports.map((it, i) => (i === slot ? { ...it, linkIds: [id] } : it));
  const nodes = new Map(layer.nodes).set(origin, withOutputLink(layer.nodes.get(origin)!, originSlot, id, type));
  const link: Link = { id, origin, originSlot, target: OUTPUT_NODE, targetSlot: slot, type };
  const made = withLayer(doc, { ...layer, nodes, outputs: ports, links: new Map(layer.links).set(id, link) });
  const port = ports[slot]!;
  return isNew ? eachInstance(made, layerId, (it) => ({ ...it, outputs: [...outputsOf(it), { name: port.name, type: port.type, links: null }] })) : made;
}

export function freeName(ports: readonly { readonly name: string }[], name: string): string {
  if (!ports.some((it) => it.name === name)) return name;
  for (let i = 2; ; i++) if (!ports.some((it) => it.name === `${name}_${i}`)) return `${name}_${i}`;
}

/** Labels an input or an output of a subgraph. */
export function patchPort(doc: Document, layerId: string, side: "inputs" | "outputs", slot: number, label: string): Document {
  const layer = layerOf(doc, layerId);
  return withLayer(doc, { ...layer, [side]: layer[side].map((it, i) => (i === slot ? { ...it, label } : it)) });
}

/** Moves the box of a subgraph's inputs or outputs. */
export function moveEnds(doc: Document, layerId: string, side: "inputNode" | "outputNode", [x, y]: Point): Document {
  const layer = layerOf(doc, layerId);
  const before = layer.rest[side];
  const bounding = isObject(before) && Array.isArray(before.bounding) ? (before.bounding as Json[]) : [0, 0, 120, 60];
  const id = side === "inputNode" ? -10 : -20;
  return withLayer(doc, { ...layer, rest: { ...layer.rest, [side]: { id, ...(isObject(before) ? before : {}), bounding: [x, y, bounding[2] ?? 120, bounding[3] ?? 60] } } });
}

/** Changes all nodes that stand for a subgraph. */
export function eachInstance(doc: Document, definition: string, patch: (node: GraphNode) => GraphNode): Document {
  let out = doc;
  for (const layer of doc.layers.values()) {
    const ids = [...layer.nodes.values()].filter((it) => it.type === definition).map(keyOf);
    if (ids.length) out = patchNodes(out, layer.id, ids, patch);
  }
  return out;
}

