//! The node classes that the server offers, read from `/object_info`.

import { isObject, type Json, type JsonObject } from "./json";

export const CONTROLS = ["fixed", "increment", "decrement", "randomize", "increment-wrap"] as const;
/** What happens with a value after each run. */
export type Control = (typeof CONTROLS)[number];

export const isControl = (value: unknown): value is Control => (CONTROLS as readonly unknown[]).includes(value);

/** How a literal is entered. */
export type Widget =
  | {
      readonly kind: "int" | "float";
      readonly default: number | bigint;
      readonly min: number | bigint;
      readonly max: number | bigint;
      readonly step: number;
      readonly round: number | null;
      readonly control: Control | null;
      readonly display: "number" | "slider" | "color";
    }
  | { readonly kind: "boolean"; readonly default: boolean; readonly on: string; readonly off: string }
  | {
      readonly kind: "string";
      readonly default: string;
      readonly multiline: boolean;
      readonly dynamic: boolean;
      readonly placeholder: string;
      readonly markdown: boolean;
    }
  | { readonly kind: "color"; readonly default: string }
  /** What is drawn rather than typed: a curve, a box, or anything else that is kept as JSON. */
  | { readonly kind: "drawn"; readonly what: "curve" | "box" | "json"; readonly default: Json }
  | {
      readonly kind: "combo";
      readonly options: readonly Json[];
      readonly default: Json | undefined;
      readonly upload: "image" | "video" | "audio" | null;
      /** Where uploads go and are shown from. */
      readonly folder: "input" | "output" | "temp";
      readonly control: Control | null;
      readonly multiselect: boolean;
    };

/** The inputs that one stands for, where those depend on the node. */
export type Dynamic =
  /** Each option of a choice brings inputs of its own, named `choice.input`. */
  | { readonly kind: "options"; readonly options: readonly { readonly key: string; readonly inputs: readonly InputSpec[] }[] }
  /** Sockets that become one more whenever the last is linked, named `group.name`. */
  | { readonly kind: "grow"; readonly names: readonly string[]; readonly min: number; readonly each: InputSpec };

export interface InputSpec {
  readonly name: string;
  readonly label: string;
  /** The type of the socket; `COMBO` where the value is a choice. */
  readonly type: string;
  readonly required: boolean;
  /** `null` where only a link can feed it. */
  readonly widget: Widget | null;
  readonly tooltip: string;
  readonly advanced: boolean;
  /** Whether it has a widget but no socket. */
  readonly socketless: boolean;
  readonly dynamic: Dynamic | null;
}

export interface OutputSpec {
  readonly name: string;
  readonly type: string;
  readonly isList: boolean;
  readonly tooltip: string;
}

export interface NodeSpec {
  readonly class: string;
  readonly title: string;
  readonly category: string;
  readonly description: string;
  readonly module: string;
  /** Required ones first, as values in files follow this order. */
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly OutputSpec[];
  readonly output: boolean;
  readonly deprecated: boolean;
  readonly experimental: boolean;
  readonly aliases: readonly string[];
  /** Whether its inputs depend on the node. */
  readonly changes: boolean;
  /** The names of the groups whose sockets stand among the inputs. */
  readonly groups?: readonly string[];
}

export class Catalog {
  readonly specs: ReadonlyMap<string, NodeSpec>;

  constructor(specs: Iterable<NodeSpec>) {
    this.specs = new Map(Array.from(specs, (spec) => [spec.class, spec]));
  }

  /** Reads what `/object_info` answered. A class that cannot be understood is left out and named in `broken`. */
  static read(json: Json): { catalog: Catalog; broken: string[] } {
    const specs: NodeSpec[] = [];
    const broken: string[] = [];
    for (const [name, info] of Object.entries(isObject(json) ? json : {})) {
      if (isObject(info)) specs.push(readSpec(name, info));
      else broken.push(name);
    }
    return { catalog: new Catalog(specs), broken };
  }

  spec(name: string): NodeSpec | undefined {
    return this.specs.get(name);
  }
}

const text = (value: Json | undefined, otherwise = ""): string => (typeof value === "string" ? value : otherwise);
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

function readSpec(name: string, info: JsonObject): NodeSpec {
  const input = isObject(info.input) ? info.input : {};
  const order = isObject(info.input_order) ? info.input_order : {};
  const inputs = readInputs(input, order);
  const names = list(info.output_name);
  const tips = list(info.output_tooltips);
  const lists = list(info.output_is_list);
  return {
    class: name,
    title: text(info.display_name, name) || name,
    category: text(info.category),
    description: text(info.description),
    module: text(info.python_module),
    inputs,
    outputs: list(info.output).map((type, i) => ({
      type: Array.isArray(type) ? "COMBO" : type === MATCHING ? "*" : text(type, "*"),
      name: text(names[i]) || (Array.isArray(type) ? "COMBO" : text(type)),
      isList: lists[i] === true,
      tooltip: text(tips[i]),
    })),
    output: info.output_node === true,
    deprecated: info.deprecated === true,
    experimental: info.experimental === true,
    aliases: list(info.search_aliases).filter((it) => typeof it === "string"),
    changes: inputs.some((it) => it.dynamic !== null),
  };
}

/** A socket that takes what another of the same node takes. */
const MATCHING = "COMFY_MATCHTYPE_V3";
/** How many sockets a group may grow to. */
const MOST = 1000;

/** Required inputs, then the others. */
function readInputs(input: JsonObject, order: JsonObject): InputSpec[] {
  return (["required", "optional"] as const).flatMap((section) => {
    const declared = isObject(input[section]) ? input[section] : {};
    const first = list(order[section]).filter((it): it is string => typeof it === "string" && it in declared);
    const names = [...first, ...Object.keys(declared).filter((it) => !first.includes(it))];
    return names.map((it) => readInput(it, declared[it], section === "required"));
  });
}

function readDynamic(type: Json | undefined, options: JsonObject): Dynamic | null {
  if (type === "COMFY_DYNAMICCOMBO_V3") {
    const read = list(options.options).flatMap((it) => (isObject(it) && typeof it.key === "string" ? [{ key: it.key, inputs: readInputs(isObject(it.inputs) ? it.inputs : {}, {}) }] : []));
    return { kind: "options", options: read };
  }
  if (type !== "COMFY_AUTOGROW_V3" || !isObject(options.template)) return null;
  const { template } = options;
  const [each] = readInputs(isObject(template.input) ? template.input : {}, {});
  if (!each || each.dynamic) return null;
  const names = list(template.names).filter((it) => typeof it === "string");
  const most = Math.min(Number(template.max ?? 100) || 0, MOST);
  const counted = typeof template.prefix === "string" ? Array.from({ length: most }, (_, i) => `${String(template.prefix)}${i}`) : [];
  // What grows is fed by links alone.
  return { kind: "grow", names: names.length ? names.slice(0, MOST) : counted, min: Math.min(Number(template.min ?? 0) || 0, MOST), each: { ...each, widget: null } };
}

function readInput(name: string, config: Json | undefined, required: boolean): InputSpec {
  const [type, second] = Array.isArray(config) ? (config as Json[]) : [config ?? "*"];
  const options: JsonObject = isObject(second) ? second : {};
  const dynamic = readDynamic(type, options);
  const matches = type === MATCHING ? (isObject(options.template) && text(options.template.allowed_types)) || "*" : null;
  return {
    name,
    label: text(options.display_name) || name,
    type: Array.isArray(type) ? "COMBO" : (matches ?? text(type, "*")),
    required,
    widget:
      options.forceInput === true || dynamic?.kind === "grow"
        ? null
        : dynamic
          ? { kind: "combo", options: dynamic.options.map((it) => it.key), default: options.default, upload: null, folder: "input", control: null, multiselect: false }
          : readWidget(name, type ?? "*", options),
    tooltip: text(options.tooltip),
    advanced: options.advanced === true,
    socketless: options.socketless === true,
    dynamic,
  };
}

function numeric(value: Json | undefined, otherwise: number): number | bigint {
  return typeof value === "number" || typeof value === "bigint" ? value : otherwise;
}

function control(name: string, options: JsonObject): Control | null {
  const said = options.control_after_generate;
  if (isControl(said)) return said;
  if (said === true || typeof said === "string") return "randomize";
  return said === undefined && (name === "seed" || name === "noise_seed") ? "randomize" : null;
}

function readWidget(name: string, type: Json, options: JsonObject): Widget | null {
  const kind = Array.isArray(type) ? "COMBO" : text(options.widgetType) || type;
  switch (kind) {
    case "INT":
    case "FLOAT": {
      const whole = kind === "INT";
      const step = Number(numeric(options.step, whole ? 1 : 0.1));
      const display = options.display === "slider" || options.display === "color" ? options.display : "number";
      return {
        kind: whole ? "int" : "float",
        default: numeric(options.default, 0),
        min: numeric(options.min, whole ? 0 : -Infinity),
        max: numeric(options.max, whole ? 2048 : Infinity),
        step: step > 0 ? step : 1,
        round: typeof options.round === "number" ? options.round : null,
        control: whole ? control(name, options) : options.control_after_generate ? control("", options) : null,
        display,
      };
    }
    case "BOOLEAN":
      return { kind: "boolean", default: options.default === true, on: text(options.label_on, "on"), off: text(options.label_off, "off") };
    case "STRING":
    case "MARKDOWN":
    case "TEXTAREA":
      return {
        kind: "string",
        default: text(options.default),
        multiline: options.multiline === true || kind !== "STRING",
        dynamic: options.dynamicPrompts === true,
        placeholder: text(options.placeholder),
        markdown: kind === "MARKDOWN",
      };
    case "COLOR":
      return { kind: "color", default: text(options.default, "#ffffff") };
    case "COMBO": {
      const choices = Array.isArray(type) ? type : list(options.options);
      const folder = text(options.image_folder, "input");
      return {
        kind: "combo",
        options: choices,
        default: options.default,
        upload: options.image_upload === true || options.animated_image_upload === true ? "image" : options.video_upload === true ? "video" : options.audio_upload === true ? "audio" : null,
        folder: folder === "output" || folder === "temp" ? folder : "input",
        control: options.control_after_generate ? control("", options) : null,
        multiselect: options.multiselect === true || isObject(options.multi_select),
      };
    }
    case "CURVE":
      return { kind: "drawn", what: "curve", default: options.default ?? { points: [[0, 0], [1, 1]], interpolation: "monotone_cubic" } };
    case "BOUNDING_BOX":
      return { kind: "drawn", what: "box", default: options.default ?? { x: 0, y: 0, width: 512, height: 512 } };
    case "BOUNDING_BOXES":
    case "COLORS":
      return { kind: "drawn", what: "json", default: options.default ?? [] };
    default:
      return null;
  }
}
