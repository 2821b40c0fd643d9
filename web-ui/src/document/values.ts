//! What stands in `widgets_values`, and how prompts are drawn from their choices.

import { isControl, type Control, type InputSpec, type NodeSpec, type Widget } from "./catalog";
import { isObject, type Json, type JsonObject } from "./json";
import type { GraphNode } from "./model";

/** An input with a widget and where its value stands in the list; -1 where it does not. */
export interface Place {
  readonly input: InputSpec;
  readonly widget: Widget;
  readonly value: number;
  readonly control: number;
}

/** The inputs that have a widget, in the order of their values. */
export function widgetInputs(spec: NodeSpec): { input: InputSpec; widget: Widget }[] {
  return spec.inputs.flatMap((input) => (input.widget ? [{ input, widget: input.widget }] : []));
}

export function controlOf(widget: Widget): Control | null {
  return widget.kind === "int" || widget.kind === "float" || widget.kind === "combo" ? widget.control : null;
}

/** Whether a word could be a value of this widget. */
function mayMean(widget: Widget, word: string): boolean {
  return widget.kind === "string" || widget.kind === "color" || (widget.kind === "combo" && widget.options.includes(word));
}

/** Finds each widget's value in the list, passing over the entries of controls and upload buttons. */
export function places(spec: NodeSpec, values: readonly Json[]): Place[] {
  const widgets = widgetInputs(spec);
  let at = 0;
  return widgets.map(({ input, widget }, i) => {
    if (at >= values.length) return { input, widget, value: -1, control: -1 };
    const value = at++;
    const mode = values[at];
    if (!isControl(mode)) return { input, widget, value, control: -1 };
    // The class may have had the control when the file was written. Then the next widget cannot mean the word.
    const next = widgets[i + 1];
    const takes = widget.kind === "int" || widget.kind === "float" || widget.kind === "combo";
    const stray = takes && next !== undefined && !mayMean(next.widget, mode);
    if (!controlOf(widget) && !stray) return { input, widget, value, control: -1 };
    const control = at++;
    // A choice has a filter for what is drawn from, too.
    if (widget.kind === "combo" && typeof values[at] === "string" && values.length - at > widgets.length - i - 1) at++;
    return { input, widget, value, control };
  });
}

/** The value of a new node; `undefined` where there is nothing to choose from. */
export function defaultOf(widget: Widget): Json | undefined {
  return widget.kind === "combo" ? (widget.default ?? widget.options[0]) : widget.default;
}

const listOf = (node: GraphNode): readonly Json[] => (Array.isArray(node.widgets_values) ? node.widgets_values : []);

/** The values that the file gives by name. */
export function namedOf(node: GraphNode): JsonObject | undefined {
  return isObject(node.widgets_values) ? node.widgets_values : isObject(node.widgets_values_named) ? node.widgets_values_named : undefined;
}

/** All widgets of a node with what was typed, and the default where nothing was. */
export function valuesOf(node: GraphNode, spec: NodeSpec): (Place & { current: Json | undefined; mode: Control | null })[] {
  const list = listOf(node);
  const named = namedOf(node);
  return places(spec, list).map((place) => {
    // Where both are written and differ, somebody has edited the file by hand, and the list is what the editor opens.
    const typed = list[place.value] ?? named?.[place.input.name];
    const said = list[place.control];
    const usual = controlOf(place.widget);
    return { ...place, current: typed ?? defaultOf(place.widget), mode: isControl(said) ? said : usual && (list.length ? "fixed" : usual) };
  });
}

/** The values of a node in the order in which the editor keeps them. */
export function inOrder(spec: NodeSpec, value: (input: InputSpec, widget: Widget) => Json | undefined, mode: (input: InputSpec, usual: Control) => Control): Json[] {
  const values: Json[] = [];
  let upload: string | null = null;
  for (const { input, widget } of widgetInputs(spec)) {
    values.push(value(input, widget) ?? defaultOf(widget) ?? null);
    const usual = controlOf(widget);
    if (usual) {
      values.push(mode(input, usual));
      if (widget.kind === "combo") values.push("");
    }
    if (widget.kind === "combo") upload ??= widget.upload;
  }
  if (upload) values.push(upload);
  return values;
}

const replaced = (list: readonly Json[], at: number, value: Json): Json[] => list.map((it, i) => (i === at ? value : it));

/** Sets the value of a widget, or its control. */
export function withValue(node: GraphNode, spec: NodeSpec, name: string, value: Json, what: "value" | "control" = "value"): GraphNode {
  const named = node.widgets_values_named;
  const both = named && what === "value" ? { ...node, widgets_values_named: { ...named, [name]: value } } : node;
  if (isObject(node.widgets_values)) {
    const key = what === "value" ? name : "control_after_generate";
    return { ...both, widgets_values: { ...node.widgets_values, [key]: value } };
  }
  const list = listOf(node);
  const found = places(spec, list).find((it) => it.input.name === name);
  if (found && found[what] >= 0) return { ...both, widgets_values: replaced(list, found[what], value) };
  // Values are missing: all are written.
  const current = new Map(valuesOf(node, spec).map((it) => [it.input.name, it]));
  const all = inOrder(
    spec,
    (input) => current.get(input.name)?.current,
    (input, usual) => current.get(input.name)?.mode ?? usual,
  );
  const at = places(spec, all).find((it) => it.input.name === name)?.[what] ?? -1;
  return { ...both, widgets_values: at < 0 ? all : replaced(all, at, value) };
}

/** The literals of a node by name, as the prompt has them. */
export function literals(node: GraphNode, spec: NodeSpec | undefined): Map<string, Json> {
  const found = new Map<string, Json>();
  const named = namedOf(node);
  if (!spec) {
    for (const [name, value] of Object.entries(named ?? {})) {
      if (isControl(name) || name.startsWith("control_") || name === "upload" || value === null || value === undefined) continue;
      found.set(name, value);
    }
    return found;
  }
  for (const { input, current } of valuesOf(node, spec)) {
    if (current !== null && current !== undefined) found.set(input.name, current);
  }
  // Literals for sockets without a widget can only be said by name.
  for (const input of spec.inputs) {
    const said = input.widget ? undefined : named?.[input.name];
    if (said !== null && said !== undefined) found.set(input.name, said);
  }
  return found;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n\r\u2028\u2029]*/g, "");
}

/** Draws one of each `{a|b|c}`, nested ones too, and takes comments out. `draw` answers with a number below the one it is given. */
export function drawn(source: string, draw: (below: number) => number): string {
  const text = withoutComments(source);
  const blocks: { starts: number[]; end: number }[] = [];
  const atBrace = new Map<number, number>();
  const ends = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const block = open.at(-1);
    if (text[at] === "\\") at++;
    else if (text[at] === "{") {
      atBrace.set(at, blocks.length);
      open.push(blocks.length);
      blocks.push({ starts: [at + 1], end: text.length });
    } else if (block !== undefined && (text[at] === "|" || text[at] === "}")) {
      ends.set(at, block);
      if (text[at] === "|") blocks[block]!.starts.push(at + 1);
      else {
        blocks[block]!.end = at + 1;
        open.pop();
      }
    }
  }
  let out = "";
  let from = 0;
  let at = 0;
  while (at < text.length) {
    if (text[at] === "\\") {
      if (/[{|}]/.test(text[at + 1] ?? "")) {
        out += text.slice(from, at);
        from = at + 1;
      }
      at = Math.min(at + 2, text.length);
      continue;
    }
    const block = blocks[(text[at] === "{" ? atBrace.get(at) : ends.get(at)) ?? -1];
    if (!block) {
      at++;
      continue;
    }
    const to = text[at] === "{" ? (block.starts[Math.min(draw(block.starts.length), block.starts.length - 1)] ?? block.end) : block.end;
    out += text.slice(from, at);
    from = at = to;
  }
  return out + text.slice(from);
}

/** A text from which [`drawn`] makes `text` again, whatever it draws. Only a backslash before a brace or bar cannot be kept. */
export function undrawn(text: string): string {
  let out = "";
  let last = " ";
  for (const it of text) {
    if (/[{|}]/.test(it) && last !== "\\") out += `\\${it}`;
    // A choice of one, as a comment cannot be kept otherwise.
    else if (/[/*]/.test(it) && last === "/") out += `{${it}}`;
    else out += it;
    last = it;
  }
  return out;
}
