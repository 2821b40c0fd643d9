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
  const inputs = (["required", "optional"] as const).flatMap((section) => {
    const declared = isObject(input[section]) ? input[section] : {};
    const first = list(order[section]).filter((it): it is string => typeof it === "string" && it in declared);
    const names = [...first, ...Object.keys(declared).filter((it) => !first.includes(it))];
    return names.map((it) => readInput(it, declared[it], section === "required"));
  });
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
      type: Array.isArray(type) ? "COMBO" : text(type, "*"),
      name: text(names[i]) || (Array.isArray(type) ? "COMBO" : text(type)),
      isList: lists[i] === true,
      tooltip: text(tips[i]),
    })),
    output: info.output_node === true,
    deprecated: info.deprecated === true,
    experimental: info.experimental === true,
    aliases: list(info.search_aliases).filter((it) => typeof it === "string"),
  };
}

function readInput(name: string, config: Json | undefined, required: boolean): InputSpec {
  const [type, second] = Array.isArray(config) ? (config as Json[]) : [config ?? "*"];
  const options: JsonObject = isObject(second) ? second : {};
  return {
    name,
    label: text(options.display_name) || name,
    type: Array.isArray(type) ? "COMBO" : text(type, "*"),
    required,
    widget: options.forceInput === true ? null : readWidget(name, type ?? "*", options),
    tooltip: text(options.tooltip),
    advanced: options.advanced === true,
    socketless: options.socketless === true,
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
    default:
      return null;
  }
}
