//! The example workflows that come with Burnish, each with a picture that it made.

import batch from "../../../workflows/batch.json?raw";
import chat from "../../../workflows/chat.json?raw";
import controlnet from "../../../workflows/controlnet.json?raw";
import hiresFix from "../../../workflows/hires-fix.json?raw";
import imageToImage from "../../../workflows/image-to-image.json?raw";
import inpaint from "../../../workflows/inpaint.json?raw";
import lora from "../../../workflows/lora.json?raw";
import batchPicture from "../../../workflows/pictures/batch.webp?no-inline";
import chatPicture from "../../../workflows/pictures/chat.webp?no-inline";
import controlnetPicture from "../../../workflows/pictures/controlnet.webp?no-inline";
import hiresFixPicture from "../../../workflows/pictures/hires-fix.webp?no-inline";
import imageToImagePicture from "../../../workflows/pictures/image-to-image.webp?no-inline";
import inpaintPicture from "../../../workflows/pictures/inpaint.webp?no-inline";
import loraPicture from "../../../workflows/pictures/lora.webp?no-inline";
import promptEditingPicture from "../../../workflows/pictures/prompt-editing.webp?no-inline";
import promptWeightingPicture from "../../../workflows/pictures/prompt-weighting.webp?no-inline";
import promptWriterPicture from "../../../workflows/pictures/prompt-writer.webp?no-inline";
import saveCheckpointPicture from "../../../workflows/pictures/save-checkpoint.webp?no-inline";
import textToImagePicture from "../../../workflows/pictures/text-to-image.webp?no-inline";
import upscalePicture from "../../../workflows/pictures/upscale.webp?no-inline";
import xyGridPicture from "../../../workflows/pictures/xy-grid.webp?no-inline";
import promptEditing from "../../../workflows/prompt-editing.json?raw";
import promptWeighting from "../../../workflows/prompt-weighting.json?raw";
import promptWriter from "../../../workflows/prompt-writer.json?raw";
import saveCheckpoint from "../../../workflows/save-checkpoint.json?raw";
import textToImage from "../../../workflows/text-to-image.json?raw";
import upscale from "../../../workflows/upscale.json?raw";
import xyGrid from "../../../workflows/xy-grid.json?raw";
import type { Catalog } from "../document/catalog";
import { isObject, parseJson } from "../document/json";

export interface Example {
  readonly title: string;
  readonly about: string;
  readonly picture: string;
  /** The prompt, as JSON. */
  readonly text: string;
}

export const EXAMPLES: readonly Example[] = [
  { title: "Text to image", about: "A picture from a prompt", picture: textToImagePicture, text: textToImage },
  { title: "Image to image", about: "A picture drawn again with another prompt", picture: imageToImagePicture, text: imageToImage },
  { title: "Inpaint", about: "Only the part under a mask drawn again", picture: inpaintPicture, text: inpaint },
  { title: "Hires fix", about: "Drawn small, enlarged, and drawn again", picture: hiresFixPicture, text: hiresFix },
  { title: "Prompt weighting", about: "Words that count more, or less", picture: promptWeightingPicture, text: promptWeighting },
  { title: "Prompt editing", about: "One prompt for the first steps, another for the rest", picture: promptEditingPicture, text: promptEditing },
  { title: "Batch", about: "Four pictures of one prompt in one run", picture: batchPicture, text: batch },
  { title: "XY grid", about: "Seeds across, guidance down, side by side", picture: xyGridPicture, text: xyGrid },
  { title: "LoRA", about: "Things without colour, by a LoRA", picture: loraPicture, text: lora },
  { title: "Save a checkpoint", about: "The model with a LoRA in it, as one file", picture: saveCheckpointPicture, text: saveCheckpoint },
  { title: "ControlNet", about: "Edges tell where the thing stands", picture: controlnetPicture, text: controlnet },
  { title: "Upscale", about: "Enlarged four times by a network made for it", picture: upscalePicture, text: upscale },
  { title: "Prompt writer", about: "A language model writes what the picture model draws", picture: promptWriterPicture, text: promptWriter },
  { title: "Chat", about: "Two questions to a language model", picture: chatPicture, text: chat },
];

/** What an example names and the server does not have: node classes and files. */
export function lacks(text: string, catalog: Catalog): string[] {
  const prompt = parseJson(text);
  const missing = new Set<string>();
  for (const node of Object.values(isObject(prompt) ? prompt : {})) {
    if (!isObject(node)) continue;
    const spec = catalog.spec(String(node.class_type));
    if (!spec) missing.add(String(node.class_type));
    for (const { name, widget } of spec?.inputs ?? []) {
      const value = isObject(node.inputs) ? node.inputs[name] : undefined;
      if (widget?.kind === "combo" && typeof value === "string" && !widget.options.includes(value)) missing.add(value);
    }
  }
  return [...missing];
}
