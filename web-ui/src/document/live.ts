//! Inputs that depend on the node: choices bring inputs of their own, groups have as many sockets as are linked and one more.
//!
//! The same rules as `NodeSpec::live` in `graph/src/spec.rs`; both are tested on `graph/vectors`.

import type { Catalog, InputSpec, NodeSpec } from "./catalog";
import type { Json } from "./json";
import { inputsOf, type GraphNode } from "./model";
import { namedOf, places } from "./values";

/** The class as a node has it. `chosen` tells what a choice holds, given the inputs as far as they are known. */
export function liveSpec(spec: NodeSpec, chosen: (known: NodeSpec, choice: InputSpec) => Json | undefined, linked: (name: string) => boolean): NodeSpec {
  if (!spec.changes) return spec;
  const inputs = [...spec.inputs];
  const groups: string[] = [];
  for (let at = 0; at < inputs.length; at++) {
    const input = inputs[at]!;
    const { dynamic, name } = input;
    if (!dynamic) continue;
    const of = (it: InputSpec, inner: string, needed: boolean): InputSpec => ({ ...it, name: `${name}.${inner}`, label: it.label === it.name ? inner : it.label, required: input.required && needed && it.required });
    if (dynamic.kind === "options") {
      const known = { ...spec, inputs, changes: false };
      const said = chosen(known, input);
      const key = typeof said === "string" ? said : dynamic.options[0]?.key;
      const brought = dynamic.options.find((it) => it.key === key)?.inputs ?? [];
      inputs.splice(at + 1, 0, ...brought.map((it) => of(it, it.name, true)));
    } else {
      const last = dynamic.names.findLastIndex((it) => linked(`${name}.${it}`));
      const count = Math.min(Math.max(last + 2, dynamic.min, 1), dynamic.names.length);
      inputs.splice(at, 1, ...dynamic.names.slice(0, count).map((it, i) => of(dynamic.each, it, i < dynamic.min)));
      groups.push(name);
      at += count - 1;
    }
  }
  return { ...spec, inputs, changes: false, groups };
}

const known = new WeakMap<GraphNode, { spec: NodeSpec; live: NodeSpec }>();

/** The class of a node as that node has it; `undefined` where the server has no such class. */
export function specOf(catalog: Catalog, node: GraphNode): NodeSpec | undefined {
  const spec = catalog.spec(node.type);
  if (!spec?.changes) return spec;
  const before = known.get(node);
  if (before?.spec === spec) return before.live;
  const list: readonly Json[] = Array.isArray(node.widgets_values) ? node.widgets_values : [];
  const named = namedOf(node);
  const linked = new Set(inputsOf(node).flatMap((it) => (it.link === null || it.link === undefined ? [] : [it.name])));
  const chosen = (so: NodeSpec, { name }: InputSpec) => list[places(so, list).find((it) => it.input.name === name)?.value ?? -1] ?? named?.[name];
  const live = liveSpec(spec, chosen, (name) => linked.has(name));
  known.set(node, { spec, live });
  return live;
}

/** Whether an input that a file lists is one that a choice or a group of this class has when it is otherwise. */
export function isIdle(spec: NodeSpec, name: string): boolean {
  const groups = [...(spec.groups ?? []), ...spec.inputs.flatMap((it) => (it.dynamic ? [it.name] : []))];
  return groups.some((it) => name.startsWith(`${it}.`)) && !spec.inputs.some((it) => it.name === name);
}
