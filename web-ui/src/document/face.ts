//! What a node looks like: its sockets, its widgets with their values, its badges. Nothing here knows a screen.

import { isControl, type Catalog, type Control, type InputSpec, type NodeSpec, type Widget } from "./catalog";
import type { Json } from "./json";
import { isIdle, liveSpec, specOf } from "./live";
import { inputsOf, keyOf, kindOf, layerOf, outputsOf, socketType, type Document, type GraphNode, type Kind, type Layer, type NodeInput } from "./model";
import { promotedEnd, proxiesOf } from "./prompt";
import { defaultOf, inOrder, namedOf, valuesOf, widgetInputs, withValue } from "./values";

/** A socket of a node as it is shown. */
export interface Socket {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly linked: boolean;
  /** Whether the node cannot run without it. */
  readonly required: boolean;
  readonly isList: boolean;
  readonly tooltip: string;
}

/** A widget of a node with its value. */
export interface Row {
  /** Names the widget among those of its node. */
  readonly key: string;
  readonly label: string;
  readonly widget: Widget;
  readonly value: Json | undefined;
  readonly mode: Control | null;
  /** The socket that can feed it; a link replaces what is typed. */
  readonly socket: Socket | null;
  readonly tooltip: string;
  /** Whether it is out of sight until it is asked for. */
  readonly advanced: boolean;
}

export interface Face {
  readonly kind: Kind;
  readonly title: string;
  readonly spec: NodeSpec | undefined;
  /** Whether the server does not have the class. */
  readonly missing: boolean;
  readonly inputs: readonly Socket[];
  readonly outputs: readonly Socket[];
  readonly rows: readonly Row[];
}

/** Whether a widget is out of sight: it is for few users, and neither linked nor asked for. */
const isFolded = (node: GraphNode, row: Row) => row.advanced && node.showAdvanced !== true && row.socket?.linked !== true;

/** How many widgets of a node are out of sight. */
export const foldedRows = (face: Face, node: GraphNode): number => face.rows.filter((row) => isFolded(node, row)).length;

/** What is seen of a node. */
export const seenFace = (face: Face, node: GraphNode): Face => (foldedRows(face, node) ? { ...face, rows: face.rows.filter((row) => !isFolded(node, row)) } : face);

const isLinked = (link: number | null | undefined) => link !== null && link !== undefined;

const NOTE: Extract<Widget, { kind: "string" }> = { kind: "string", default: "", multiline: true, dynamic: false, placeholder: "Write a note", markdown: false };

/** Describes a node of a layer. */
export function faceOf(doc: Document, layer: Layer, node: GraphNode, catalog: Catalog): Face {
  const kind = kindOf(doc, node);
  const spec = kind === "real" ? specOf(catalog, node) : undefined;
  const base = { kind, spec, missing: kind === "real" && !spec };
  const outputs = outputFaces(doc, node, kind, spec);
  switch (kind) {
    case "note":
      return { ...base, title: node.title ?? (node.type === "Note" ? "Note" : "Markdown note"), inputs: [], outputs: [], rows: [noteRow(node)] };
    case "primitive":
      return { ...base, title: node.title ?? "Primitive", inputs: [], outputs, rows: primitiveRows(doc, layer, node, catalog) };
    case "reroute":
      return { ...base, title: node.title ?? "Reroute", inputs: savedSockets(node, new Set()), outputs, rows: [] };
    case "subgraph": {
      const rows = promotedRows(doc, node, catalog);
      const shown = new Set(rows.map((row) => row.socket?.name).filter((it) => it !== undefined));
      const inner = layerOf(doc, node.type);
      const inputs = inner.inputs.filter((port) => !shown.has(port.name)).map((port): Socket => {
        const link = inputsOf(node).find((it) => it.name === port.name)?.link;
        return { name: port.name, label: port.label ?? port.name, type: socketType(port.type), linked: isLinked(link), required: false, isList: false, tooltip: "" };
      });
      return { ...base, title: node.title ?? inner.name, inputs, outputs, rows };
    }
    case "set":
    case "get":
    case "group":
      return { ...base, title: node.title ?? node.type, inputs: savedSockets(node, new Set()), outputs, rows: [] };
    case "real": {
      if (!spec) return { ...base, title: node.title ?? node.type, inputs: savedSockets(node, new Set()), outputs, rows: [] };
      const saved = new Map(inputsOf(node).map((it) => [it.name, it]));
      const socket = (input: InputSpec): Socket => {
        const here = saved.get(input.name);
        return {
          name: input.name,
          label: here?.label ?? input.label,
          type: input.type,
          linked: isLinked(here?.link),
          required: input.required && !input.widget,
          isList: false,
          tooltip: input.tooltip,
        };
      };
      const rows = valuesOf(node, spec).map(({ input, widget, current, mode }): Row => ({
        key: input.name,
        label: saved.get(input.name)?.label ?? input.label,
        widget,
        value: current,
        mode,
        socket: input.socketless ? null : socket(input),
        tooltip: input.tooltip,
        advanced: input.advanced,
      }));
      const declared = new Set(spec.inputs.map((it) => it.name));
      const others = inputsOf(node).filter((it) => !isLinked(it.link) && isIdle(spec, it.name));
      for (const it of others) declared.add(it.name);
      const inputs = [...spec.inputs.filter((it) => !it.widget).map(socket), ...savedSockets(node, declared)];
      return { ...base, title: node.title ?? spec.title, inputs, outputs, rows };
    }
  }
}

/** The inputs that the file lists, but for some. */
function savedSockets(node: GraphNode, but: ReadonlySet<string>): Socket[] {
  return inputsOf(node)
    .filter((it) => !but.has(it.name))
    .map((it) => ({ name: it.name, label: it.label ?? it.name, type: socketType(it.type), linked: isLinked(it.link), required: false, isList: false, tooltip: "" }));
}

function outputFaces(doc: Document, node: GraphNode, kind: Kind, spec: NodeSpec | undefined): Socket[] {
  const saved = outputsOf(node);
  const linked = (slot: number) => (saved[slot]?.links?.length ?? 0) > 0;
  const plain = { required: false, isList: false, tooltip: "" };
  if (kind === "subgraph") {
    return layerOf(doc, node.type).outputs.map((port, i) => ({ ...plain, name: port.name, label: port.label ?? port.name, type: socketType(port.type), linked: linked(i) }));
  }
  const declared = spec?.outputs.map((it, i) => ({ ...plain, name: it.name, label: saved[i]?.label ?? it.name, type: it.type, linked: linked(i), isList: it.isList, tooltip: it.tooltip })) ?? [];
  const more = saved.slice(declared.length).map((it, i) => ({ ...plain, name: it.name, label: it.label ?? it.name, type: socketType(it.type), linked: linked(declared.length + i) }));
  return [...declared, ...more];
}

function noteRow(node: GraphNode): Row {
  const list = node.widgets_values;
  const value = Array.isArray(list) ? (list as Json[])[0] : Object.values(namedOf(node) ?? {})[0];
  return { key: "text", label: "Text", widget: { ...NOTE, markdown: node.type === "MarkdownNote" }, value: value ?? "", mode: null, socket: null, tooltip: "", advanced: false };
}

/** The first widget that a primitive is linked to, whose likeness it takes. */
function primitiveRows(doc: Document, layer: Layer, node: GraphNode, catalog: Catalog): Row[] {
  for (const id of outputsOf(node)[0]?.links ?? []) {
    const link = layer.links.get(id);
    const target = link && layer.nodes.get(link.target);
    const input = target && inputsOf(target)[link.targetSlot];
    if (!target || !input) continue;
    const row = faceOf(doc, layer, target, catalog).rows.find((it) => it.key === input.name);
    if (!row) continue;
    const list = Array.isArray(node.widgets_values) ? (node.widgets_values as Json[]) : [];
    const usual = row.widget.kind === "int" || row.widget.kind === "float" || row.widget.kind === "combo" ? "fixed" : null;
    return [{ ...row, key: "value", value: list[0] ?? row.value, mode: isControl(list[1]) ? list[1] : usual, socket: null, advanced: false }];
  }
  return [];
}

/** The widgets that a subgraph's node shows as its own. */
function promotedRows(doc: Document, node: GraphNode, catalog: Catalog): Row[] {
  const layer = layerOf(doc, node.type);
  const list = Array.isArray(node.widgets_values) ? (node.widgets_values as Json[]) : [];
  const proxies = proxiesOf(node);
  const rows: Row[] = [];
  const inner = (id: string, key: string): Row | undefined => {
    const it = layer.nodes.get(id);
    return it && faceOf(doc, layer, it, catalog).rows.find((row) => row.key === key);
  };
  let position = 0;
  layer.inputs.forEach((port, slot) => {
    const end = promotedEnd(doc, catalog, layer, slot);
    if (!end) return;
    const at = position++;
    const row = inner(keyOf(end.node), end.input);
    if (!row) return;
    const shown = proxies?.findIndex(([id, name]) => (id === "-1" ? name === port.name : id === keyOf(end.node) && name === end.input)) ?? -1;
    const own = namedOf(node)?.[port.name] ?? (proxies ? list[shown] : list[at]);
    const link = inputsOf(node).find((it) => it.name === port.name)?.link;
    rows.push({
      ...row,
      key: `in:${port.name}`,
      label: port.label ?? port.name,
      value: own ?? row.value,
      mode: null,
      advanced: false,
      socket: { name: port.name, label: port.label ?? port.name, type: socketType(port.type), linked: isLinked(link), required: false, isList: false, tooltip: row.tooltip },
    });
  });
  proxies?.forEach(([id, name], i) => {
    const row = id === "-1" ? undefined : inner(id, name);
    const fed = row?.socket?.linked ?? false;
    if (row && !fed) rows.push({ ...row, key: `proxy:${i}`, value: list[i] ?? row.value, mode: null, socket: null, advanced: false });
  });
  return rows;
}

const filled = (list: readonly Json[], at: number, value: Json): Json[] => {
  const longer = Array.from({ length: Math.max(list.length, at + 1) }, (_, i) => list[i] ?? null);
  longer[at] = value;
  return longer;
};

/** Sets a widget of a node, or what happens with it after each run. */
export function withRow(doc: Document, node: GraphNode, catalog: Catalog, key: string, value: Json, what: "value" | "control" = "value"): GraphNode {
  const kind = kindOf(doc, node);
  const list = Array.isArray(node.widgets_values) ? (node.widgets_values as Json[]) : [];
  if (kind === "note") return { ...node, widgets_values: filled(list, 0, value) };
  if (kind === "primitive") return { ...node, widgets_values: filled(list, what === "value" ? 0 : 1, value) };
  if (kind === "subgraph") {
    if (key.startsWith("proxy:")) return { ...node, widgets_values: filled(list, Number(key.slice(6)), value) };
    const name = key.slice(3);
    const layer = layerOf(doc, node.type);
    const slot = layer.inputs.findIndex((port) => port.name === name);
    const end = slot < 0 ? null : promotedEnd(doc, catalog, layer, slot);
    if (!end) return node;
    const named = node.widgets_values_named && { widgets_values_named: { ...node.widgets_values_named, [name]: value } };
    const proxies = proxiesOf(node);
    if (proxies) {
      const at = proxies.findIndex(([id, it]) => (id === "-1" ? it === name : id === keyOf(end.node) && it === end.input));
      if (at >= 0) return { ...node, ...named, widgets_values: filled(list, at, value) };
      return { ...node, widgets_values_named: { ...node.widgets_values_named, [name]: value } };
    }
    const at = layer.inputs.slice(0, slot).filter((_, i) => promotedEnd(doc, catalog, layer, i)).length;
    return { ...node, ...named, widgets_values: filled(list, at, value) };
  }
  const spec = specOf(catalog, node);
  if (!spec) return node;
  const chooses = what === "value" && spec.inputs.some((it) => it.name === key && it.dynamic);
  return chooses ? withChoice(node, spec, catalog, key, value) : withValue(node, spec, key, value, what);
}

/** Takes another option, with its inputs in place of those of the one before. What both have keeps its value. */
function withChoice(node: GraphNode, before: NodeSpec, catalog: Catalog, key: string, value: Json): GraphNode {
  const declared = catalog.spec(node.type) ?? before;
  const rows = new Map(valuesOf(node, before).map((it) => [it.input.name, it]));
  const links = new Map(inputsOf(node).map((it) => [it.name, it]));
  const chosen = (_: NodeSpec, { name }: InputSpec) => (name === key ? value : rows.get(name)?.current);
  const spec = liveSpec(declared, chosen, (name) => isLinked(links.get(name)?.link));
  const current = (name: string) => (name === key ? value : rows.get(name)?.current);
  const fits = (input: InputSpec, widget: Widget) => {
    const it = rows.get(input.name);
    return it?.widget.kind === widget.kind && (widget.kind !== "combo" || input.name === key || widget.options.includes(it.current ?? null)) ? current(input.name) : undefined;
  };
  const values = inOrder(spec, fits, (input, usual) => rows.get(input.name)?.mode ?? usual);
  const names = new Set(spec.inputs.map((it) => it.name));
  const inside = (name: string) => name.startsWith(`${key}.`);
  const kept = inputsOf(node).filter((it) => !inside(it.name) || names.has(it.name) || isLinked(it.link));
  const fresh = spec.inputs.filter((it) => inside(it.name) && !it.widget && !links.has(it.name)).map((it): NodeInput => ({ name: it.name, type: it.type, link: null }));
  const named = node.widgets_values_named && Object.fromEntries(widgetInputs(spec).map(({ input, widget }) => [input.name, fits(input, widget) ?? defaultOf(widget) ?? null]));
  return { ...node, inputs: [...kept, ...fresh], widgets_values: values, ...(named ? { widgets_values_named: named } : {}) };
}

/** What a value becomes after a run. `draw` answers with a number from 0 up to 1. */
export function afterRun(widget: Widget, value: Json | undefined, mode: Control, draw: () => number = Math.random): Json | undefined {
  if (mode === "fixed" || value === undefined) return value;
  if (widget.kind === "combo") {
    const at = widget.options.findIndex((it) => it === value);
    const last = widget.options.length - 1;
    if (last < 0) return value;
    if (mode === "randomize") return widget.options[Math.floor(draw() * (last + 1))];
    if (mode === "increment-wrap") return widget.options[at >= last ? 0 : at + 1];
    return widget.options[Math.min(Math.max(at + (mode === "increment" ? 1 : -1), 0), last)];
  }
  if (widget.kind === "float") {
    const low = Math.max(Number(widget.min), -1e6);
    const high = Math.min(Number(widget.max), 1e6);
    if (mode === "randomize") return low + Math.round((draw() * (high - low)) / widget.step) * widget.step;
    return Math.min(Math.max(Number(value) + (mode === "decrement" ? -widget.step : widget.step), low), high);
  }
  if (widget.kind !== "int") return value;
  const low = whole(widget.min);
  const high = whole(widget.max);
  if (mode === "randomize") {
    // 64 bits, drawn in two halves as one number has only 53.
    const bits = (BigInt(Math.floor(draw() * 2 ** 32)) << 32n) | BigInt(Math.floor(draw() * 2 ** 32));
    return small(low + (bits % (high - low + 1n)));
  }
  const next = whole(value) + (mode === "decrement" ? -1n : 1n) * BigInt(Math.max(1, Math.round(widget.step)));
  return small(next < low ? low : next > high ? high : next);
}

/** A whole number of any size; what is none becomes 0. */
export function whole(value: Json | undefined): bigint {
  if (typeof value === "bigint") return value;
  const number = Math.round(Number(value));
  return Number.isFinite(number) ? BigInt(number) : 0n;
}

/** The plain number where that is exact. */
export function small(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

