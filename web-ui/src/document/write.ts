//! From documents to files: the editor's format, 0.4 or 1.0.

import type { Json, JsonObject } from "./json";
import { ROOT, type Document, type Group, type Layer, type Link, type Port, type Reroute } from "./model";

/** Writes a workflow, in the version in which it was read unless told otherwise. */
export function writeDocument(doc: Document, version: 0.4 | 1 = doc.version): JsonObject {
  const root = doc.layers.get(ROOT)!;
  const definitions = [...doc.layers.values()].filter((layer) => layer.id !== ROOT).map(writeDefinition);
  const { links, reroutes, extra } = version === 1 ? newLinks(root) : oldLinks(root);
  const { state: _state, last_node_id: _node, last_link_id: _link, extra: _extra, ...rest } = root.rest;
  const counters = version === 1 ? { state: state(root) } : { last_node_id: lastNode(root), last_link_id: lastLink(root) };
  return {
    ...rest,
    ...counters,
    nodes: [...root.nodes.values()],
    links,
    ...(reroutes ? { reroutes } : {}),
    groups: root.groups.map(writeGroup),
    ...(definitions.length ? { definitions: { subgraphs: definitions } } : {}),
    ...(extra ? { extra } : {}),
    version,
  };
}

/** An id as the file format likes it: a number where it is one. */
export function written(id: string): number | string {
  return /^(0|-?[1-9]\d{0,14})$/.test(id) ? Number(id) : id;
}

function lastNode(layer: Layer): number {
  const before = layer.rest.last_node_id ?? (layer.rest.state as JsonObject | undefined)?.lastNodeId;
  return Math.max(Number(before) || 0, ...[...layer.nodes.keys()].map((id) => Number(id) || 0));
}

function lastLink(layer: Layer): number {
  const before = layer.rest.last_link_id ?? (layer.rest.state as JsonObject | undefined)?.lastLinkId;
  return Math.max(Number(before) || 0, ...layer.links.keys());
}

function state(layer: Layer): JsonObject {
  const before = (layer.rest.state as JsonObject | undefined) ?? {};
  const most = (key: string, ids: Iterable<number>) => Math.max(Number(before[key]) || 0, ...ids);
  return {
    ...before,
    lastNodeId: lastNode(layer),
    lastLinkId: lastLink(layer),
    lastGroupId: most("lastGroupId", layer.groups.map((it) => it.id)),
    lastRerouteId: most("lastRerouteId", layer.reroutes.keys()),
  };
}

function writeLink(link: Link): JsonObject {
  return {
    id: link.id,
    origin_id: written(link.origin),
    origin_slot: link.originSlot,
    target_id: written(link.target),
    target_slot: link.targetSlot,
    type: link.type,
    ...(link.parentId === undefined ? {} : { parentId: link.parentId }),
    ...link.rest,
  };
}

function writeReroute({ id, pos, parentId, linkIds, rest }: Reroute): JsonObject {
  return { id, ...(parentId === undefined ? {} : { parentId }), pos, linkIds, ...rest };
}

interface Links {
  links: Json;
  reroutes?: Json;
  extra?: JsonObject | undefined;
}

function oldLinks(layer: Layer): Links {
  const before = layer.rest.extra as JsonObject | undefined;
  const { reroutes: oldPoints, linkExtensions: oldExtensions, ...others } = before ?? {};
  const points = [...layer.reroutes.values()].map(writeReroute);
  const extensions = [...layer.links.values()].flatMap((link) => (link.parentId === undefined ? [] : [{ id: link.id, parentId: link.parentId }]));
  const extra = {
    ...others,
    ...(points.length || oldPoints ? { reroutes: points } : {}),
    ...(extensions.length || oldExtensions ? { linkExtensions: extensions } : {}),
  };
  const links = [...layer.links.values()].map((it) => [it.id, written(it.origin), it.originSlot, written(it.target), it.targetSlot, it.type]);
  return { links, extra: before || Object.keys(extra).length ? extra : undefined };
}

function newLinks(layer: Layer): Links {
  const { reroutes: _reroutes, linkExtensions: _extensions, ...others } = (layer.rest.extra as JsonObject | undefined) ?? {};
  const points = [...layer.reroutes.values()].map(writeReroute);
  return { links: [...layer.links.values()].map(writeLink), reroutes: points, extra: layer.rest.extra ? others : undefined };
}

function writeDefinition(layer: Layer): JsonObject {
  const { extra, ...rest } = layer.rest;
  const { reroutes: oldPoints, linkExtensions: _old, ...others } = (extra as JsonObject | undefined) ?? {};
  const points = [...layer.reroutes.values()].map(writeReroute);
  return {
    ...rest,
    ...(rest.state ? { state: state(layer) } : {}),
    version: 1,
    name: layer.name,
    inputs: layer.inputs.map((it) => writePort(it)),
    outputs: layer.outputs.map((it) => writePort(it)),
    nodes: [...layer.nodes.values()],
    groups: layer.groups.map(writeGroup),
    links: [...layer.links.values()].map(writeLink),
    ...(points.length && !oldPoints ? { reroutes: points } : {}),
    ...(extra ? { extra: oldPoints ? { ...others, reroutes: points } : others } : {}),
  };
}

function writePort({ id, name, type, linkIds, label, rest }: Port): JsonObject {
  return { id, name, type, linkIds, ...(label === undefined ? {} : { label }), ...rest };
}

function writeGroup({ id, unnumbered, title, bounding, color, rest }: Group): JsonObject {
  return { ...(unnumbered ? {} : { id }), title, bounding, ...(color === undefined ? {} : { color }), ...rest };
}
