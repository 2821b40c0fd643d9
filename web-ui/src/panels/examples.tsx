//! The example workflows that come with Burnish, with pictures drawn from what they hold.

import batch from "../../../workflows/batch.json?raw";
import hiresFix from "../../../workflows/hires-fix.json?raw";
import imageToImage from "../../../workflows/image-to-image.json?raw";
import inpaint from "../../../workflows/inpaint.json?raw";
import promptWeighting from "../../../workflows/prompt-weighting.json?raw";
import textToImage from "../../../workflows/text-to-image.json?raw";
import { colourOf } from "../canvas/types";

interface Example {
  readonly title: string;
  readonly about: string;
  readonly text: string;
  readonly Picture: () => React.ReactNode;
}

const example = (title: string, about: string, text: string): Example => ({ title, about, text, Picture: () => <Sketch text={text} /> });

export const EXAMPLES: readonly Example[] = [
  example("Text to image", "A picture from a prompt", textToImage),
  example("Image to image", "A picture drawn again with another prompt", imageToImage),
  example("Inpaint", "Only the part under a mask drawn again", inpaint),
  example("Hires fix", "Drawn small, enlarged, and drawn again", hiresFix),
  example("Prompt weighting", "Words that count more, or less", promptWeighting),
  example("Batch", "Four pictures of one prompt in one run", batch),
];

const OUTPUTS: Readonly<Record<string, string>> = { DiffusersLoader: "MODEL", CLIPTextEncode: "CONDITIONING", EmptyLatentImage: "LATENT", KSampler: "LATENT", VAEDecode: "IMAGE", VAEEncode: "LATENT", LoadImage: "IMAGE", SaveImage: "IMAGE", SolidMask: "MASK", MaskComposite: "MASK", SetLatentNoiseMask: "LATENT", LatentUpscale: "LATENT" };

interface PromptJson {
  readonly [id: string]: { readonly class_type: string; readonly inputs: Readonly<Record<string, unknown>> };
}

/** The nodes of a prompt in columns, each right of what it needs. */
function Sketch({ text }: { text: string }) {
  const prompt = JSON.parse(text) as PromptJson;
  const sources = (id: string) => Object.values(prompt[id]?.inputs ?? {}).flatMap((it) => (Array.isArray(it) && typeof it[0] === "string" && prompt[it[0]] ? [it[0] as string] : []));
  const depth = (id: string): number => Math.max(0, ...sources(id).map((it) => depth(it) + 1));
  const columns: string[][] = [];
  for (const id of Object.keys(prompt)) (columns[depth(id)] ??= []).push(id);
  const place = new Map(columns.flatMap((ids, x) => ids.map((id, y) => [id, { x: 12 + (x * 196) / Math.max(1, columns.length - 0.2), y: 54 + (y - (ids.length - 1) / 2) * 24 }] as const)));
  const width = Math.min(34, 150 / columns.length);
  return (
    <svg className="sketch" viewBox="0 0 208 108" aria-hidden="true">
      {[...place].flatMap(([id, to]) =>
        sources(id).map((source, i) => {
          const from = place.get(source)!;
          const x = from.x + width;
          const half = (to.x - x) / 2;
          return <path key={`${id}${i}`} d={`M${x} ${from.y}C${x + half} ${from.y} ${to.x - half} ${to.y} ${to.x} ${to.y}`} fill="none" stroke={colourOf(OUTPUTS[prompt[source]!.class_type] ?? "*")} strokeWidth="1.4" opacity="0.8" />;
        }),
      )}
      {[...place].map(([id, { x, y }]) => (
        <g key={id}>
          <rect x={x} y={y - 8} width={width} height="16" rx="3" fill="var(--node)" stroke="var(--line)" />
          <rect x={x} y={y - 8} width={width} height="5" rx="2.500" fill={colourOf(OUTPUTS[prompt[id]!.class_type] ?? "*")} opacity="0.9" />
        </g>
      ))}
    </svg>
  );
}
