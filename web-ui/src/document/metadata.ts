//! Workflows that files carry: the text chunks of PNG files, the EXIF block of WebP and JPEG files, and what `media` reads.

import { flacTexts, id3Texts, mp4Texts, oggTexts, tensorTexts, webmTexts } from "./media";

const latin = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8");

/** The texts of a file by key, such as `workflow` and `prompt`. Empty where there are none. */
export async function textsOf(file: Blob): Promise<Map<string, string>> {
  const head = latin.decode(await file.slice(0, 16).arrayBuffer());
  if (head.slice(4, 8) === "ftyp") return mp4Texts(file);
  if (head.startsWith("\x1aE\xdf\xa3")) return webmTexts(file);
  if (head.startsWith("fLaC")) return flacTexts(file);
  if (head.startsWith("OggS")) return oggTexts(file);
  if (head.startsWith("ID3") && head.length > 10) return id3Texts(file);
  if (head.startsWith('{"', 8)) return tensorTexts(file);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (bytes.length > 8 && view.getUint32(0) === 0x89504e47) return pngTexts(bytes, view);
  if (bytes.length > 12 && view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57454250) return webpTexts(bytes, view);
  if (bytes.length > 4 && view.getUint16(0) === 0xffd8) return jpegTexts(bytes, view);
  return new Map();
}

async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function pngTexts(bytes: Uint8Array<ArrayBuffer>, view: DataView): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = latin.decode(bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "IEND" || at + 12 + length > bytes.length) break;
    const key = body.indexOf(0);
    if (key > 0 && kind === "tEXt") found.set(latin.decode(body.subarray(0, key)), utf8OrLatin(body.subarray(key + 1)));
    else if (key > 0 && kind === "zTXt") found.set(latin.decode(body.subarray(0, key)), utf8OrLatin(await inflated(body.slice(key + 2))));
    else if (key > 0 && kind === "iTXt") {
      const language = body.indexOf(0, key + 3);
      const translated = body.indexOf(0, language + 1);
      const rest = body.slice(translated + 1);
      if (language > 0 && translated > 0) found.set(latin.decode(body.subarray(0, key)), utf8.decode(body[key + 1] === 1 ? await inflated(rest) : rest));
    }
    at += 12 + length;
  }
  return found;
}

function utf8OrLatin(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return latin.decode(bytes);
  }
}

/** EXIF tags whose text is `key:value`. */
function webpTexts(bytes: Uint8Array, view: DataView): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 12; at + 8 <= bytes.length; ) {
    const kind = latin.decode(bytes.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true);
    if (kind === "EXIF") exifTexts(bytes.subarray(at + 8, Math.min(at + 8 + length, bytes.length)), found);
    at += 8 + length + (length % 2);
  }
  return found;
}

/** The segments of a JPEG before its picture. */
function jpegTexts(bytes: Uint8Array, view: DataView): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + view.getUint16(at + 2)) {
    if (bytes[at + 1] === 0xe1) exifTexts(bytes.subarray(at + 4, Math.min(at + 2 + view.getUint16(at + 2), bytes.length)), found);
  }
  return found;
}

function exifTexts(bytes: Uint8Array, found: Map<string, string>): void {
  const start = latin.decode(bytes.subarray(0, 6)) === "Exif\0\0" ? 6 : 0;
  for (const text of tiffTexts(bytes.subarray(start))) {
    const colon = text.indexOf(":");
    if (colon > 0) found.set(text.slice(0, colon).toLowerCase(), text.slice(colon + 1));
  }
}

function tiffTexts(bytes: Uint8Array): string[] {
  if (bytes.length < 8) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = view.getUint16(0) === 0x4949;
  const first = view.getUint32(4, little);
  if (first + 2 > bytes.length) return [];
  const texts: string[] = [];
  const count = view.getUint16(first, little);
  for (let i = 0; i < count; i++) {
    const entry = first + 2 + i * 12;
    if (entry + 12 > bytes.length) break;
    const length = view.getUint32(entry + 4, little);
    if (view.getUint16(entry + 2, little) !== 2 || length <= 4) continue;
    const start = view.getUint32(entry + 8, little);
    if (start + length <= bytes.length) texts.push(utf8.decode(bytes.subarray(start, start + length)).replace(/\0+$/, ""));
  }
  return texts;
}
