//! From a document to the prompt that the server runs: subgraphs opened, links followed to the nodes that really give.
//!
//! The same rules as `graph/src/ui_json/flatten.rs`; both are tested on `graph/vectors`.

import type { Catalog, NodeSpec } from "./catalog";
import { isObject, type Json, type JsonObject } from "./json";
import { specOf } from "./live";
import { connects, DocumentError, INPUT_NODE, inputsOf, isAny, keyOf, kindOf, layerOf, Mode, OUTPUT_NODE, outputsOf, ROOT, socketType, type Document, type GraphNode, type Kind, type Layer, type Link, type NodeInput } from "./model";
import { drawn, literals, widgetInputs } from "./values";

export interface PromptNode {
  class_type: string;
  inputs: Record<string, Json>;
  _meta?: Record<string, Json>;
}

export type Prompt = Record<string, PromptNode>;

/** How deep subgraphs may be nested, and how many nodes may come out of them. */
const DEPTH = 64;
const COPIES = 200_000;

type Source = { kind: "nothing" } | { kind: "literal"; value: Json } | { kind: "output"; id: string; slot: number };
const NOTHING: Source = { kind: "nothing" };

/** A copy of a layer: the whole workflow, or what one subgraph node stands for. */
interface Frame {
  readonly layer: Layer;
  readonly parent: { frame: Frame; node: GraphNode } | null;
  readonly prefix: string;
  /** Values that the subgraph's node holds for widgets of nodes inside. */
  readonly proxied: ReadonlyMap<string, Json>;
}

const active = (node: GraphNode) => node.mode !== Mode.Muted && node.mode !== Mode.Bypassed;

/**
 * Makes the prompt. `draw` chooses among `{a|b}` in texts: it answers with a number below the one it is given.
 *
 * Throws a `DocumentError` for group nodes, for links in a circle and for subgraphs that are too many.
 */
export function toPrompt(doc: Document, catalog: Catalog, draw: (below: number) => number = (below) => Math.floor(Math.random() * below)): Prompt {
  return new Flattening(doc, catalog, draw).prompt();
}

/** The links that start at input `slot` of a subgraph, in the order that the file lists. */
function linksFromInput(layer: Layer, slot: number): Link[] {
  const listed = layer.inputs[slot]?.linkIds ?? [];
  if (listed.length) return listed.flatMap((id) => layer.links.get(id) ?? []).filter((it) => it.origin === INPUT_NODE);
  return [...layer.links.values()].filter((it) => it.origin === INPUT_NODE && it.originSlot === slot).sort((a, b) => a.id - b.id);
}

/** The widget inside that an input of a subgraph shows, if it shows one. */
export function promotedEnd(doc: Document, catalog: Catalog, layer: Layer, slot: number, depth = 0): { node: GraphNode; input: string; layer: Layer } | null {
  for (const link of linksFromInput(layer, slot)) {
    const node = layer.nodes.get(link.target);
    const input = node && inputsOf(node)[link.targetSlot];
    if (!node || !input) continue;
    if (kindOf(doc, node) === "subgraph") {
      const inner = layerOf(doc, node.type);
      const at = inner.inputs.findIndex((port) => port.name === input.name);
      const end = at >= 0 && depth < DEPTH ? promotedEnd(doc, catalog, inner, at, depth + 1) : null;
      return end && { node, input: input.name, layer };
    }
    const spec = specOf(catalog, node);
    const isWidget = input.widget != null || (spec !== undefined && widgetInputs(spec).some((it) => it.input.name === input.name));
    return isWidget ? { node, input: input.name, layer } : null;
  }
  return null;
}

/** The pairs of inner node and widget that a subgraph's node shows as its own, in older files; previews are no widgets. */
export function proxiesOf(node: GraphNode): [string, string][] | null {
  const listed = node.properties?.proxyWidgets;
  if (!Array.isArray(listed)) return null;
  return (listed as Json[]).flatMap((it): [string, string][] => {
    const pair = Array.isArray(it) ? (it as Json[]) : [];
    return typeof pair[0] === "string" && typeof pair[1] === "string" && !pair[1].startsWith("$$") ? [[pair[0], pair[1]]] : [];
  });
}

const pairKey = (node: string, widget: string) => `${node}\0${widget}`;
const valueList = (node: GraphNode): readonly Json[] => (Array.isArray(node.widgets_values) ? node.widgets_values : []);

function proxied(node: GraphNode): Map<string, Json> {
  const values = valueList(node);
  const found = new Map<string, Json>();
  (proxiesOf(node) ?? []).forEach(([inner, widget], i) => {
    const value = values[i];
    if (value !== null && value !== undefined) found.set(pairKey(inner, widget), value);
  });
  return found;
}

class Flattening {
  private readonly sources = new Map<string, Source | "open">();
  private readonly frames = new Map<string, Frame>();
  private readonly promoted = new Map<Layer, boolean[]>();
  private readonly kept = new Map<Layer, Map<string, GraphNode>>();

  constructor(
    private readonly doc: Document,
    private readonly catalog: Catalog,
    private readonly draw: (below: number) => number,
  ) {}

  prompt(): Prompt {
    const places: { frame: Frame; node: GraphNode }[] = [];
    const problems: string[] = [];
    this.open({ layer: layerOf(this.doc, ROOT), parent: null, prefix: "", proxied: new Map() }, places, problems, 0);
    if (problems.length) throw new DocumentError(problems);
    const prompt: Prompt = {};
    for (const { frame, node } of places) prompt[frame.prefix + keyOf(node)] = this.node(frame, node);
    return prompt;
  }

  private open(frame: Frame, places: { frame: Frame; node: GraphNode }[], problems: string[], depth: number): void {
    if (depth > DEPTH) throw new DocumentError([`subgraphs are nested more than ${DEPTH} deep`]);
    const order = (node: GraphNode) => (typeof node.order === "number" ? node.order : Infinity);
    const nodes = [...frame.layer.nodes.values()];
    if (!frame.parent) nodes.sort((a, b) => (order(a) === order(b) ? 0 : order(a) - order(b)));
    for (const node of nodes) {
      if (!active(node)) continue;
      const kind = kindOf(this.doc, node);
      if (kind === "real") {
        if (places.push({ frame, node }) > COPIES) throw new DocumentError([`the subgraphs hold more than ${COPIES} nodes`]);
      } else if (kind === "group") {
        problems.push(`"${node.type}" is a group node of an older editor, which cannot run: turn it into a subgraph`);
      } else if (kind === "subgraph") {
        const inner: Frame = { layer: layerOf(this.doc, node.type), parent: { frame, node }, prefix: `${frame.prefix}${keyOf(node)}:`, proxied: proxied(node) };
        this.frames.set(inner.prefix, inner);
        this.open(inner, places, problems, depth + 1);
      }
    }
  }

  private node(frame: Frame, node: GraphNode): PromptNode {
    const spec = specOf(this.catalog, node);
    const inputs = literals(node, spec);
    if (spec && frame.proxied.size) {
      for (const { input } of widgetInputs(spec)) {
        const value = frame.proxied.get(pairKey(keyOf(node), input.name));
        if (value !== undefined) inputs.set(input.name, value);
      }
    }
    const linked = new Set<string>();
    for (const input of inputsOf(node)) {
      if (input.link === null || input.link === undefined) continue;
      const wanted = spec?.inputs.find((it) => it.name === input.name)?.type ?? socketType(input.type);
      const source = this.follow(frame, input.link, wanted);
      if (source.kind === "literal") inputs.set(input.name, source.value);
      if (source.kind === "output") {
        inputs.set(input.name, [source.id, source.slot]);
        linked.add(input.name);
      }
    }
    for (const { input, widget } of spec ? widgetInputs(spec) : []) {
      const text = inputs.get(input.name);
      if (widget.kind === "string" && widget.dynamic && typeof text === "string") inputs.set(input.name, drawn(text, this.draw));
    }
    const meta: Record<string, Json> = {};
    const title = node.title ?? spec?.title;
    if (title !== undefined) meta.title = title;
    for (const key of ["cnr_id", "aux_id", "ver"]) {
      const value = node.properties?.[key];
      if (value !== undefined) meta[key] = value;
    }
    const wrapped = [...inputs].map(([name, value]): [string, Json] => {
      const ambiguous = !linked.has(name) && (Array.isArray(value) || (isObject(value) && "__value__" in value));
      return [name, ambiguous ? { __value__: value } : value];
    });
    return { class_type: node.type, inputs: Object.fromEntries(wrapped), ...(Object.keys(meta).length ? { _meta: meta } : {}) };
  }

  /** Follows a link upstream to what really feeds it. */
  private follow(from: Frame, first: number, wanted: string): Source {
    const passed: string[] = [];
    let at: { frame: Frame; link: number | null | undefined } = { frame: from, link: first };
    let source: Source = NOTHING;
    for (;;) {
      const frame: Frame = at.frame;
      // A link that is not listed was deleted, and the node has not noticed.
      const link: Link | undefined = at.link === null || at.link === undefined ? undefined : frame.layer.links.get(at.link);
      if (!link) break;
      let step: Source | { frame: Frame; link: number | null | undefined };
      if (link.origin === INPUT_NODE && frame.parent) step = this.outside(frame, link.originSlot);
      else {
        const node = frame.layer.nodes.get(link.origin);
        if (!node) break;
        const ask = `${frame.prefix}${link.origin}\0${link.originSlot}\0${wanted}`;
        const known = this.sources.get(ask);
        if (known === "open") throw new DocumentError([`links go in a circle without passing a node that does anything, at ${node.title ?? node.type} ${link.origin}: remove one of them`]);
        if (known) {
          source = known;
          break;
        }
        this.sources.set(ask, "open");
        passed.push(ask);
        step = this.through(frame, node, link.originSlot, wanted);
      }
      if ("kind" in step) {
        source = step;
        break;
      }
      at = step;
    }
    for (const ask of passed) this.sources.set(ask, source);
    return source;
  }

  private promotedOf(layer: Layer): boolean[] {
    let known = this.promoted.get(layer);
    if (!known) {
      known = layer.inputs.map((_, slot) => promotedEnd(this.doc, this.catalog, layer, slot) !== null);
      this.promoted.set(layer, known);
    }
    return known;
  }

  /** Out of a subgraph by its input `slot`. */
  private outside(frame: Frame, slot: number): Source | { frame: Frame; link: number | null | undefined } {
    const port = frame.layer.inputs[slot];
    if (!port || !frame.parent) return NOTHING;
    const { node, frame: outer } = frame.parent;
    const link = inputsOf(node).find((it) => it.name === port.name)?.link;
    if (link !== null && link !== undefined) return { frame: outer, link };
    const named = isObject(node.widgets_values) ? node.widgets_values : node.widgets_values_named;
    // Values for the inner node itself were put there when its literals were made; what remains is the value of the input.
    const value =
      outer.proxied.get(pairKey(keyOf(node), port.name)) ??
      (named as JsonObject | undefined)?.[port.name] ??
      frame.proxied.get(pairKey("-1", port.name)) ??
      this.byPosition(frame.layer, node, slot);
    return value === null || value === undefined ? NOTHING : { kind: "literal", value };
  }

  private byPosition(layer: Layer, node: GraphNode, slot: number): Json | undefined {
    const promoted = this.promotedOf(layer);
    if (!promoted[slot] || proxiesOf(node)) return undefined;
    return valueList(node)[promoted.slice(0, slot).filter(Boolean).length];
  }

  /** Upstream through one node, or to its end. */
  private through(frame: Frame, node: GraphNode, slot: number, wanted: string): Source | { frame: Frame; link: number | null | undefined } {
    const kind: Kind = kindOf(this.doc, node);
    // The editor writes the value into the input before it looks at modes.
    if (kind === "primitive") {
      const value = valueList(node)[0];
      return value === undefined ? NOTHING : { kind: "literal", value };
    }
    if (node.mode === Mode.Muted || kind === "note") return NOTHING;
    if (node.mode === Mode.Bypassed) return { frame, link: this.bypass(node, kind, slot, wanted) };
    if (kind === "reroute" || kind === "set") return { frame, link: inputsOf(node)[0]?.link };
    if (kind === "get") {
      const name = valueList(node)[0];
      const keeper = typeof name === "string" ? this.keptIn(frame.layer).get(name) : undefined;
      return { frame, link: keeper && inputsOf(keeper)[0]?.link };
    }
    if (kind === "subgraph") {
      const inner = this.frames.get(`${frame.prefix}${keyOf(node)}:`);
      if (!inner) return NOTHING;
      const ports = inner.layer.outputs;
      const name = outputsOf(node)[slot]?.name;
      // The node's outputs are those of the definition; should the lists have come apart, the name tells.
      const same = name === undefined || ports[slot]?.name === name;
      const byName = ports.findIndex((port) => port.name === name);
      const at = same || byName < 0 ? slot : byName;
      const ends = [...inner.layer.links.values()].filter((it) => it.target === OUTPUT_NODE && it.targetSlot === at);
      return { frame: inner, link: ends.length ? Math.max(...ends.map((it) => it.id)) : null };
    }
    return { kind: "output", id: frame.prefix + keyOf(node), slot };
  }

  private keptIn(layer: Layer): Map<string, GraphNode> {
    let kept = this.kept.get(layer);
    if (!kept) {
      kept = new Map();
      for (const node of layer.nodes.values()) {
        const name = node.type === "SetNode" ? valueList(node)[0] : undefined;
        if (typeof name === "string") kept.set(name, node);
      }
      this.kept.set(layer, kept);
    }
    return kept;
  }

  /** The link that a bypassed node passes on to its output `slot`, if any of its inputs fits. */
  private bypass(node: GraphNode, kind: Kind, slot: number, wanted: string): number | null | undefined {
    const spec = specOf(this.catalog, node);
    const inputs = bypassInputs(this.doc, node, kind, spec);
    if (isAny(wanted)) return (inputs[slot] ?? inputs[0])?.link;
    const output = spec ? spec.outputs[slot]?.type : outputsOf(node)[slot] && socketType(outputsOf(node)[slot]?.type);
    const fits = (type: string) => connects(type, output ?? "*") && connects(type, wanted);
    const same = inputs[slot];
    if (same && fits(same.type)) return same.link;
    return (inputs.find((it) => it.type === wanted) ?? inputs.find((it) => fits(it.type)))?.link;
  }
}

/** The inputs of a node as the editor orders them: sockets, then the sockets of widgets, then what the class does not declare. */
function bypassInputs(doc: Document, node: GraphNode, kind: Kind, spec: NodeSpec | undefined): { type: string; link: number | null | undefined }[] {
  const saved = inputsOf(node);
  const links = new Map<string, NodeInput>();
  for (const input of saved) links.set(input.name, input);
  const declared =
    kind === "subgraph"
      ? layerOf(doc, node.type).inputs.map((port) => ({ name: port.name, type: socketType(port.type) }))
      : spec
        ? [...spec.inputs.filter((it) => !it.widget), ...spec.inputs.filter((it) => it.widget)]
        : [];
  const known = new Set(declared.map((it) => it.name));
  return [
    ...declared.map((it) => ({ type: it.type, link: links.get(it.name)?.link })),
    ...saved.filter((it) => !known.has(it.name)).map((it) => ({ type: socketType(it.type), link: it.link })),
  ];
}
