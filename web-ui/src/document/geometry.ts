//! Where each part of a node stands. Positions follow from the document alone, so nothing is ever measured on the screen.

import type { Face } from "./face";
import type { GraphNode } from "./model";

/** The bar of the title stands above the position that files give. */
export const TITLE = 30;
/** The height of a socket's row. */
export const SLOT = 20;
/** The height of a widget's row. */
export const WIDGET = 24;
/** The least height of a text of several lines. */
const TEXT = 64;
const PAD = 6;
/** The least height of a picture on the node. */
const PREVIEW = 176;
const NARROWEST = 160;

export interface Placed {
  readonly y: number;
  readonly height: number;
}

/** The parts of a node, from the upper edge of its title. */
export interface Shape {
  readonly width: number;
  readonly height: number;
  readonly collapsed: boolean;
  /** The middles of the sockets. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly rows: readonly Placed[];
  readonly preview: Placed | null;
}

const isText = (row: Face["rows"][number]) => row.widget.kind === "string" && row.widget.multiline;

/** Computes where everything stands. `preview` is whether the node shows a picture or a text that it made. */
export function shapeOf(face: Face, node: GraphNode, preview: boolean): Shape {
  const width = Math.max(Math.round(node.size[0]), face.kind === "reroute" ? 80 : NARROWEST);
  if (node.flags?.collapsed === true) {
    const middle = TITLE / 2;
    return { width: Math.min(width, 240), height: TITLE, collapsed: true, inputs: face.inputs.map(() => middle), outputs: face.outputs.map(() => middle), rows: face.rows.map(() => ({ y: 0, height: TITLE })), preview: null };
  }
  const slots = Math.max(face.inputs.length, face.outputs.length);
  const head = TITLE + PAD + slots * SLOT + (slots && face.rows.length ? 2 : 0);
  const texts = face.rows.filter(isText).length;
  const least = head + (face.rows.length - texts) * WIDGET + texts * (TEXT + 4) + PAD;
  const wanted = TITLE + Math.round(node.size[1]);
  const spare = Math.max(0, wanted - least);
  const picture = preview ? Math.max(spare, PREVIEW) : 0;
  // What is to spare goes to the picture, or else to the texts.
  const share = texts && !preview ? Math.floor(spare / texts) : 0;
  let y = head;
  const rows = face.rows.map((row): Placed => {
    const height = isText(row) ? TEXT + 4 + share : WIDGET;
    y += height;
    return { y: y - height, height };
  });
  const height = Math.max(least + picture, wanted);
  const slot = (_: unknown, i: number) => TITLE + PAD + i * SLOT + SLOT / 2;
  return {
    width,
    height,
    collapsed: false,
    inputs: face.inputs.map(slot),
    outputs: face.outputs.map(slot),
    rows,
    preview: preview ? { y: y + 2, height: height - y - PAD - 2 } : null,
  };
}

/** The size that a new node gets. */
export function naturalSize(face: Face): readonly [number, number] {
  const texts = face.rows.filter(isText).length;
  const longest = (labels: readonly { label: string }[]) => Math.max(0, ...labels.map((it) => it.label.length));
  const slots = (longest(face.inputs) + longest(face.outputs)) * 7 + 56;
  const widgets = face.rows.length ? 232 : 0;
  const title = face.title.length * 7.5 + 48;
  const width = Math.ceil(Math.max(NARROWEST, slots, widgets, title, texts ? 320 : 0) / 8) * 8;
  const node = { id: 0, type: "", pos: [0, 0], size: [width, 0] } as const;
  const height = shapeOf(face, node, false).height - TITLE + texts * 48;
  return [width, height];
}
