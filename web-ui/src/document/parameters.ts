//! The `parameters` text that the web UI of AUTOMATIC1111 writes into its pictures, as a prompt that makes the same kind of picture.

import type { Catalog } from "./catalog";
import { parseJson, type Json, type JsonObject } from "./json";

/** Samplers whose names differ in more than their spelling. */
const SAMPLERS: Readonly<Record<string, string>> = { "euler a": "euler_ancestral", "dpm2 a": "dpm_2_ancestral", dpm2: "dpm_2", "dpm++ 2s a": "dpmpp_2s_ancestral", "dpm++ 2m": "dpmpp_2m", "dpm++ sde": "dpmpp_sde", "dpm++ 2m sde": "dpmpp_2m_sde", "dpm++ 3m sde": "dpmpp_3m_sde", "dpm fast": "dpm_fast", "dpm adaptive": "dpm_adaptive" };

interface Parameters {
  readonly positive: string;
  readonly negative: string;
  readonly settings: ReadonlyMap<string, string>;
}

/** Takes the text apart: the prompt, what is not wanted, and a last line of settings. */
export function readParameters(text: string): Parameters {
  const lines = text.trim().split("\n");
  const last = /^Steps: \d/.test(lines.at(-1) ?? "") ? lines.pop()! : "";
  const at = lines.findIndex((it) => it.startsWith("Negative prompt:"));
  const positive = lines.slice(0, at < 0 ? undefined : at).join("\n");
  const negative = at < 0 ? "" : lines.slice(at).join("\n").slice("Negative prompt:".length);
  const settings = new Map<string, string>();
  for (const [, key, quoted, plain] of last.matchAll(/([A-Za-z][\w /-]*):\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:,|$)/g)) settings.set(key!.trim().toLowerCase(), quoted ?? plain!.trim());
  return { positive: positive.trim(), negative: negative.trim(), settings };
}

/** A text-to-image prompt with what the text says; what it does not say is as usual. */
export function promptOfParameters(text: string, catalog: Catalog): JsonObject {
  const { positive, negative, settings } = readParameters(text);
  const number = (key: string, usual: number) => {
    const value = Number.parseFloat(settings.get(key) ?? "");
    return Number.isFinite(value) ? value : usual;
  };
  const [, width = "512", height = "512"] = /^(\d+)x(\d+)$/.exec(settings.get("size") ?? "") ?? [];
  const said = (settings.get("sampler") ?? "Euler").toLowerCase();
  const karras = / karras$/.test(said);
  const plain = said.replace(/ (karras|exponential)$/, "");
  const scheduler = (settings.get("schedule type") ?? (karras ? "karras" : "normal")).toLowerCase().replace("automatic", "normal").replaceAll(" ", "_");
  const model = settings.get("model") ?? "";
  const widget = catalog.spec("CheckpointLoaderSimple")?.inputs.find((it) => it.name === "ckpt_name")?.widget;
  const options: readonly Json[] = widget?.kind === "combo" ? widget.options : [];
  const file = options.find((it) => typeof it === "string" && it.replace(/^.*\//, "").replace(/\.\w+$/, "") === model) ?? `${model || "model"}.safetensors`;
  const seed = settings.get("seed") ?? "";
  const node = (class_type: string, inputs: JsonObject): JsonObject => ({ class_type, inputs });
  return {
    "1": node("CheckpointLoaderSimple", { ckpt_name: file }),
    "2": node("CLIPTextEncode", { clip: ["1", 1], text: positive }),
    "3": node("CLIPTextEncode", { clip: ["1", 1], text: negative }),
    "4": node("EmptyLatentImage", { width: Number(width), height: Number(height), batch_size: 1 }),
    "5": node("KSampler", {
      model: ["1", 0],
      positive: ["2", 0],
      negative: ["3", 0],
      latent_image: ["4", 0],
      seed: /^\d+$/.test(seed) ? parseJson(seed) : 0,
      steps: number("steps", 20),
      cfg: number("cfg scale", 7),
      sampler_name: SAMPLERS[plain] ?? plain.replaceAll("++", "pp").replaceAll(" ", "_"),
      scheduler,
      denoise: 1,
    }),
    "6": node("VAEDecode", { samples: ["5", 0], vae: ["1", 2] }),
    "7": node("SaveImage", { images: ["6", 0], filename_prefix: "burnish" }),
  };
}
