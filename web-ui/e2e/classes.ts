//! What the official templates tell of classes that no server here has: the names of their inputs, and which of them a choice brings.
//!
//! Newer files name their values besides listing them, so the classes can be told from them, and how the list is read can be checked.

import { isControl } from "../src/document/catalog";
import { isObject, type Json, type JsonObject } from "../src/document/json";

const list = (json: Json | undefined): readonly Json[] => (Array.isArray(json) ? json : []);
/** Older files name the entry of a control by its value. */
const isControlKey = (name: string) => name.startsWith("control_after_generate") || isControl(name);

interface Seen {
  /** Values of a widget, or the type of a socket. */
  readonly values: Json[];
  type: string | null;
  control: boolean;
  /** What it brings: by the value of a choice, or under the empty name where it is a group of sockets. */
  readonly inside: Map<string, Map<string, Seen>>;
}

const fresh = (): Seen => ({ values: [], type: null, control: false, inside: new Map() });

/** All nodes of a file, those inside of subgraphs too. */
export function nodesOf(workflow: JsonObject): JsonObject[] {
  const definitions = isObject(workflow.definitions) ? list(workflow.definitions.subgraphs) : [];
  return [workflow, ...definitions].flatMap((it) => (isObject(it) ? [...list(it.nodes).filter(isObject), ...(it === workflow ? [] : nodesOf(it).slice(list(it.nodes).length))] : []));
}

/** Names for values that no file names: by their places. */
function unnamed(node: JsonObject): [string, Json][] {
  return list(node.widgets_values).map((value, i) => [isControl(value) ? "control_after_generate" : `value ${i}`, value]);
}

/** The values of a node by name, as its file says; `null` where it does not. */
export function namedValues(node: JsonObject): [string, Json][] | null {
  if (!isObject(node.widgets_values_named) || !Array.isArray(node.widgets_values)) return null;
  return Object.entries(node.widgets_values_named).map(([name, value]) => [name, value ?? null]);
}

/** Classes as `/object_info` would tell of them. */
export function classesOf(workflows: readonly JsonObject[], known: ReadonlySet<string>): JsonObject {
  const classes = new Map<string, { inputs: Map<string, Seen>; outputs: JsonObject[] }>();
  const named = new Set(workflows.flatMap(nodesOf).flatMap((node) => (namedValues(node) ? [String(node.type)] : [])));
  const builtin = new Set(["Reroute", "PrimitiveNode", "Note", "MarkdownNote", "SetNode", "GetNode"]);
  for (const workflow of workflows) {
    const definitions = isObject(workflow.definitions) ? list(workflow.definitions.subgraphs) : [];
    const subgraphs = new Set(definitions.map((it) => (isObject(it) ? it.id : null)));
    for (const node of nodesOf(workflow)) {
      const type = String(node.type);
      if (known.has(type) || builtin.has(type) || subgraphs.has(type) || /^workflow[>/]/.test(type)) continue;
      const seen = classes.get(type) ?? { inputs: new Map<string, Seen>(), outputs: [] };
      classes.set(type, seen);
      const values = namedValues(node) ?? (named.has(type) ? null : unnamed(node));
      if (list(node.outputs).length > seen.outputs.length) seen.outputs = list(node.outputs).filter(isObject);
      const chosen = new Map<string, Json>(values ?? []);
      // Only files that name the values tell what belongs to which option.
      const place = (name: string): Seen => {
        const parts = name.split(".");
        let inputs = seen.inputs;
        let path = "";
        let found = fresh();
        parts.forEach((part, i) => {
          path = path ? `${path}.${part}` : part;
          found = inputs.get(part) ?? fresh();
          inputs.set(part, found);
          if (i === parts.length - 1) return;
          const choice = chosen.get(path);
          const key = typeof choice === "string" ? choice : "";
          if (!found.inside.has(key)) found.inside.set(key, new Map());
          inputs = found.inside.get(key)!;
        });
        return found;
      };
      if (values === null && list(node.inputs).some((it) => isObject(it) && String(it.name).includes("."))) continue;
      let before: Seen | null = null;
      for (const [name, value] of values ?? []) {
        if (isControlKey(name)) {
          if (before && before.values.some((it) => typeof it === "number" || typeof it === "bigint")) before.control = true;
          continue;
        }
        before = place(name);
        before.values.push(value);
      }
      for (const input of list(node.inputs)) {
        if (!isObject(input) || typeof input.name !== "string" || (input.widget && !named.has(type) ? input.link == null : input.widget && values === null)) continue;
        const found = place(input.name);
        if (typeof input.type === "string" && !(input.widget && !found.values.length)) found.type ??= input.type;
      }
    }
  }
  const told = [...classes].map(([name, { inputs, outputs }]): [string, Json] => [
    name,
    { input: { required: sectionOf(inputs) }, output: outputs.map((it) => (typeof it.type === "string" ? it.type : "*")), output_name: outputs.map((it) => String(it.name)), display_name: name },
  ]);
  return Object.fromEntries(told);
}

function sectionOf(inputs: ReadonlyMap<string, Seen>): JsonObject {
  return Object.fromEntries([...inputs].map(([name, it]) => [name, configOf(it)]));
}

function configOf({ values, type, control, inside }: Seen): Json {
  const words = [...new Set(values.filter((it) => typeof it === "string"))];
  const group = inside.get("");
  if (inside.size && words.length) {
    const options = words.map((key) => ({ key, inputs: { required: sectionOf(inside.get(key) ?? new Map<string, Seen>()) } }));
    return ["COMFY_DYNAMICCOMBO_V3", { options }];
  }
  if (group) {
    const each = [...group.values()].find((it) => it.type)?.type ?? "*";
    return ["COMFY_AUTOGROW_V3", { template: { input: { required: { each: [each, {}] } }, names: [...group.keys()], min: 0 } }];
  }
  const value = values.find((it) => it !== null);
  if (!values.length) return [type ?? "*", { forceInput: true }];
  if (type === "COMBO") return [words, {}];
  const about = control ? { control_after_generate: true } : {};
  if (typeof value === "number" || typeof value === "bigint") return [type === "INT" ? "INT" : "FLOAT", { ...about, min: -1e300, max: 1e300 }];
  if (typeof value === "boolean") return ["BOOLEAN", {}];
  if (value !== null && value !== undefined && typeof value === "object") return [Array.isArray(value) ? "BOUNDING_BOXES" : "CURVE", {}];
  return ["STRING", {}];
}
