import { expect, it } from "vitest";
import { Catalog } from "./catalog";
import { textsOf } from "./metadata";
import { isObject } from "./json";
import { promptOfParameters, readParameters } from "./parameters";

const TEXT = `a red apple, (sharp:1.2)
on a table
Negative prompt: blurry, dark
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 18446744073709551615, Size: 640x384, Model hash: 6ce0161689, Model: v1-5, Hashes: "a: 1, b: 2", Version: v1.6.0`;

it("the parameters of another program are taken apart", () => {
  const { positive, negative, settings } = readParameters(TEXT);
  expect(positive).toBe("a red apple, (sharp:1.2)\non a table");
  expect(negative).toBe("blurry, dark");
  expect(settings.get("hashes")).toBe("a: 1, b: 2");
  expect(settings.get("version")).toBe("v1.6.0");
});

it("they become a prompt, with all 64 bits of the seed", () => {
  const { catalog } = Catalog.read({});
  const prompt = promptOfParameters(TEXT, catalog);
  const sample = prompt["5"];
  expect(isObject(sample) && sample.inputs).toMatchObject({ seed: 18446744073709551615n, steps: 28, cfg: 6.5, sampler_name: "dpmpp_2m", scheduler: "karras" });
  expect(prompt["4"]).toMatchObject({ inputs: { width: 640, height: 384 } });
  expect(prompt["1"]).toMatchObject({ inputs: { ckpt_name: "v1-5.safetensors" } });
});

it("a text that says nothing of the kind gives what is usual", () => {
  expect(promptOfParameters("only words", Catalog.read({}).catalog)["5"]).toMatchObject({ inputs: { steps: 20, sampler_name: "euler", scheduler: "normal", seed: 0 } });
});

it("a JPEG carries its workflow in EXIF", async () => {
  const words = new TextEncoder().encode('workflow:{"nodes":[]}\0');
  const tiff = new Uint8Array(8 + 2 + 12 + 4 + words.length);
  const view = new DataView(tiff.buffer);
  view.setUint16(0, 0x4949);
  view.setUint16(2, 42, true);
  view.setUint32(4, 8, true);
  view.setUint16(8, 1, true);
  view.setUint16(10, 0x010f, true);
  view.setUint16(12, 2, true);
  view.setUint32(14, words.length, true);
  view.setUint32(18, 26, true);
  tiff.set(words, 26);
  const exif = [...new TextEncoder().encode("Exif\0\0"), ...tiff];
  const length = exif.length + 2;
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xe1, length >> 8, length & 255, ...exif, 0xff, 0xda, 0, 2]);
  expect((await textsOf(new Blob([jpeg]))).get("workflow")).toBe('{"nodes":[]}');
  // Cut off anywhere, it says nothing and does not fail.
  for (let end = 0; end < jpeg.length; end++) await textsOf(new Blob([jpeg.slice(0, end)]));
});
