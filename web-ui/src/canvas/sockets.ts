//! Sockets by the ids that the canvas gives them, and links between them.

import type { Connection } from "@xyflow/react";
import { connect, connectFromOutside, connectToOutside, openInputs } from "../document/edit";
import { faceOf } from "../document/face";
import { connects, INPUT_NODE, isAny, OUTPUT_NODE, socketType } from "../document/model";
import { documentOf, edit, layerShown, useEditor } from "../store/editor";

/** A socket on the canvas, by the ids that the canvas gives. */
export interface Socket {
  readonly node: string;
  readonly side: "input" | "output";
  readonly slot: number;
  readonly name: string;
  readonly type: string;
  readonly widget: boolean;
}

export function socketAt(nodeId: string | null, handle: string | null | undefined): Socket | null {
  const state = useEditor.getState();
  const doc = documentOf(state);
  const layer = layerShown(state);
  if (nodeId === null || !handle) return null;
  const colon = handle.indexOf(":");
  const side = handle.slice(0, colon) === "in" ? "input" : "output";
  const name = handle.slice(colon + 1);
  if (nodeId === INPUT_NODE || nodeId === OUTPUT_NODE) {
    const slot = Number(name);
    const port = (nodeId === INPUT_NODE ? layer.inputs : layer.outputs)[slot];
    return { node: nodeId, side, slot, name: port?.name ?? "", type: socketType(port?.type), widget: false };
  }
  const node = layer.nodes.get(nodeId);
  if (!node) return null;
  const face = faceOf(doc, layer, node, state.catalog);
  if (side === "output") {
    const slot = Number(name);
    const output = face.outputs[slot];
    return output ? { node: nodeId, side, slot, name: output.name, type: output.type, widget: false } : null;
  }
  const input = face.inputs.find((it) => it.name === name);
  if (input) return { node: nodeId, side, slot: -1, name, type: input.type, widget: false };
  const row = face.rows.find((it) => it.socket?.name === name);
  return row?.socket ? { node: nodeId, side, slot: -1, name, type: row.socket.type, widget: true } : null;
}

/** Links two sockets of the shown layer. */
export function link(from: Socket, to: Socket, gesture: string | null = null): void {
  edit((doc, layer) => {
    if (from.node === INPUT_NODE && to.node === OUTPUT_NODE) return doc;
    const input = { name: to.name, type: to.type, widget: to.widget };
    if (from.node === INPUT_NODE) return connectFromOutside(doc, layer, from.slot, to.node, input);
    if (to.node === OUTPUT_NODE) return connectToOutside(doc, layer, from.node, from.slot, to.slot, from.type, from.name);
    return connect(doc, layer, { origin: from.node, originSlot: from.slot, target: to.node, input, type: isAny(from.type) ? to.type : from.type });
  }, gesture);
}

export const isValid = (it: Connection | { source: string; target: string; sourceHandle?: string | null; targetHandle?: string | null }): boolean => {
  if (it.source === it.target) return false;
  const from = socketAt(it.source, it.sourceHandle);
  const to = socketAt(it.target, it.targetHandle);
  return from !== null && to !== null && from.side === "output" && to.side === "input" && connects(from.type, to.type);
};

/** A link that is dropped on a node goes to the first socket that takes it. */
export function connectToBody(from: Socket, id: string, gesture: string | null = null): void {
  const state = useEditor.getState();
  const doc = documentOf(state);
  const layer = layerShown(state);
  const node = layer.nodes.get(id);
  if (!node) return;
  if (from.side === "output") {
    const [input] = openInputs(doc, layer, node, state.catalog, from.type);
    if (input) link(from, { node: id, side: "input", slot: -1, name: input.name, type: input.type, widget: input.widget }, gesture);
    return;
  }
  const face = faceOf(doc, layer, node, state.catalog);
  const slot = face.outputs.findIndex((it) => connects(it.type, from.type));
  if (slot >= 0) link({ node: id, side: "output", slot, name: face.outputs[slot]!.name, type: face.outputs[slot]!.type, widget: false }, from, gesture);
}

