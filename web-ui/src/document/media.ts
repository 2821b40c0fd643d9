//! Texts that films and sounds carry. Only the parts that hold them are read, as such files may be larger than memory.

import { isObject, parseJson } from "./json";

type Texts = Map<string, string>;

/** No text that is meant for the editor is as large. */
const MOST = 64 << 20;

const latin = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8");

async function part(file: Blob, at: number, length: number): Promise<DataView> {
  return new DataView(await file.slice(at, at + Math.min(length, MOST)).arrayBuffer());
}

const bytesOf = (view: DataView, at: number, length: number) => new Uint8Array(view.buffer, view.byteOffset + at, Math.max(0, Math.min(length, view.byteLength - at)));
const word = (view: DataView, at: number) => latin.decode(bytesOf(view, at, 4));

/** Keeps a text. Some programs write all of them as one comment. */
function keep(found: Texts, key: string, text: string): void {
  const name = key.toLowerCase();
  found.set(name, text);
  if (!/comment|cmt|description/.test(name) || !text.startsWith("{")) return;
  try {
    const json = parseJson(text);
    for (const inner of ["workflow", "prompt"]) {
      const value = isObject(json) ? json[inner] : undefined;
      if (value !== undefined && value !== null && !found.has(inner)) found.set(inner, typeof value === "string" ? value : JSON.stringify(value, (_, it: unknown) => (typeof it === "bigint" ? Number(it) : it)));
    }
  } catch {
    // A comment like any other.
  }
}

interface Box {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
}

/** The boxes in a part of an MP4 or QuickTime file. */
function boxes(view: DataView, from: number, to: number): Box[] {
  const found: Box[] = [];
  for (let at = from; at + 8 <= to; ) {
    const size = view.getUint32(at);
    const length = size === 0 ? to - at : size;
    if (length < 8 || at + length > to) break;
    found.push({ kind: word(view, at + 4), from: at + 8, to: at + length });
    at += length;
  }
  return found;
}

/** MP4, MOV, M4V: the keys and values of `moov/meta` and `moov/udta/meta`. */
export async function mp4Texts(file: Blob): Promise<Texts> {
  const found: Texts = new Map();
  for (let at = 0; at + 8 <= file.size; ) {
    const head = await part(file, at, 16);
    if (head.byteLength < 8) break;
    const size = head.getUint32(0);
    const wide = size === 1 && head.byteLength >= 16;
    const length = size === 0 ? file.size - at : wide ? Number(head.getBigUint64(8)) : size;
    if (length < 8) break;
    if (word(head, 4) === "moov") {
      const view = await part(file, at + (wide ? 16 : 8), length - (wide ? 16 : 8));
      const outer = boxes(view, 0, view.byteLength);
      const inner = outer.filter((it) => it.kind === "udta").flatMap((it) => boxes(view, it.from, it.to));
      for (const meta of [...outer, ...inner]) if (meta.kind === "meta") metaTexts(view, meta, found);
    }
    at += length;
  }
  return found;
}

function metaTexts(view: DataView, meta: Box, found: Texts): void {
  // In MP4 a version stands first, in QuickTime it does not.
  const versioned = boxes(view, meta.from + 4, meta.to);
  const inside = versioned.some((it) => it.kind === "ilst") ? versioned : boxes(view, meta.from, meta.to);
  const names: string[] = [];
  const keys = inside.find((it) => it.kind === "keys");
  if (keys) for (const key of boxes(view, keys.from + 8, keys.to)) names.push(utf8.decode(bytesOf(view, key.from, key.to - key.from)));
  const list = inside.find((it) => it.kind === "ilst");
  for (const entry of list ? boxes(view, list.from, list.to) : []) {
    const data = boxes(view, entry.from, entry.to).find((it) => it.kind === "data");
    if (!data || data.to - data.from < 8) continue;
    const name = names[view.getUint32(entry.from - 4) - 1] ?? entry.kind;
    keep(found, name, utf8.decode(bytesOf(view, data.from + 8, data.to - data.from - 8)));
  }
}

/** A number of EBML at a place, with how long it is; an element's name keeps the mark of its length. */
function vint(view: DataView, at: number, name: boolean): { value: number; length: number } | null {
  if (at >= view.byteLength) return null;
  const first = view.getUint8(at);
  const length = Math.clz32(first) - 23;
  if (length > 8 || at + length > view.byteLength) return null;
  let value = name ? first : first & (0xff >> length);
  let all = value === 0xff >> length;
  for (let i = 1; i < length; i++) {
    const byte = view.getUint8(at + i);
    all &&= byte === 0xff;
    value = value * 256 + byte;
  }
  return { value: all && !name ? Infinity : value, length };
}

const SEGMENT = 0x18538067;
const TAGS = 0x1254c367;
const TAG = 0x7373;
const SIMPLE = 0x67c8;
const NAME = 0x45a3;
const STRING = 0x4487;

/** WebM and Matroska: the tags of the segment. */
export async function webmTexts(file: Blob): Promise<Texts> {
  const found: Texts = new Map();
  for (let at = 0; at < file.size; ) {
    const head = await part(file, at, 16);
    const name = vint(head, 0, true);
    const size = name && vint(head, name.length, false);
    if (!name || !size) break;
    const start = at + name.length + size.length;
    // What is inside of the segment is looked at like what is beside it.
    if (name.value === SEGMENT) at = start;
    else {
      if (name.value === TAGS && size.value < MOST) tagTexts(await part(file, start, size.value), found);
      if (!Number.isFinite(size.value)) break;
      at = start + size.value;
    }
  }
  return found;
}

function tagTexts(view: DataView, found: Texts): void {
  const walk = (from: number, to: number, simple: { name: string; text: string } | null): void => {
    for (let at = from; at < to; ) {
      const name = vint(view, at, true);
      const size = name && vint(view, at + name.length, false);
      if (!name || !size) return;
      const start = at + name.length + size.length;
      const end = Math.min(start + size.value, to);
      if (name.value === TAG) walk(start, end, null);
      else if (name.value === SIMPLE && !simple) {
        const tag = { name: "", text: "" };
        walk(start, end, tag);
        if (tag.name) keep(found, tag.name, tag.text);
      } else if (simple && name.value === NAME) simple.name = utf8.decode(bytesOf(view, start, end - start));
      else if (simple && name.value === STRING) simple.text = utf8.decode(bytesOf(view, start, end - start)).replace(/\0+$/, "");
      at = end;
    }
  };
  walk(0, view.byteLength, null);
}

/** Comments as Vorbis writes them: who wrote the file, then `KEY=text`, each with its length before it. */
function vorbisTexts(view: DataView, from: number, found: Texts): void {
  let at = from;
  const length = () => {
    const value = at + 4 <= view.byteLength ? view.getUint32(at, true) : 0;
    at += 4;
    return value;
  };
  const maker = length();
  at += maker;
  const count = Math.min(length(), 10_000);
  for (let i = 0; i < count && at + 4 <= view.byteLength; i++) {
    const size = length();
    const text = utf8.decode(bytesOf(view, at, size));
    const equals = text.indexOf("=");
    if (equals > 0) keep(found, text.slice(0, equals), text.slice(equals + 1));
    at += size;
  }
}

export async function flacTexts(file: Blob): Promise<Texts> {
  const found: Texts = new Map();
  for (let at = 4; at + 4 <= file.size; ) {
    const head = await part(file, at, 4);
    const kind = head.getUint8(0);
    const length = head.getUint32(0) & 0xffffff;
    if ((kind & 0x7f) === 4) vorbisTexts(await part(file, at + 4, length), 0, found);
    if (kind & 0x80) break;
    at += 4 + length;
  }
  return found;
}

/** Ogg with Vorbis or Opus inside: the comments are the second packet. */
export async function oggTexts(file: Blob): Promise<Texts> {
  const found: Texts = new Map();
  const packet: Uint8Array<ArrayBuffer>[] = [];
  let number = 0;
  let read = 0;
  for (let at = 0; at + 27 <= file.size && number < 2 && read < MOST; ) {
    const head = await part(file, at, 27 + 255);
    if (word(head, 0) !== "OggS") break;
    const segments = [...bytesOf(head, 27, head.getUint8(26))];
    let from = at + 27 + segments.length;
    for (const size of segments) {
      if (number === 1) packet.push(new Uint8Array(await file.slice(from, from + size).arrayBuffer()));
      from += size;
      if (size < 255) number++;
    }
    read += from - at;
    at = from;
  }
  const view = new DataView(await new Blob(packet).arrayBuffer());
  const start = word(view, 0) === "Opus" ? 8 : 7;
  if (view.byteLength > start) vorbisTexts(view, start, found);
  return found;
}

/** MP3: the texts that ID3 lets users name. */
export async function id3Texts(file: Blob): Promise<Texts> {
  const found: Texts = new Map();
  const view = await part(file, 0, MOST);
  const seven = (at: number) => (view.getUint8(at) << 21) | (view.getUint8(at + 1) << 14) | (view.getUint8(at + 2) << 7) | view.getUint8(at + 3);
  const version = view.getUint8(3);
  const end = Math.min(10 + seven(6), view.byteLength);
  for (let at = 10; at + 10 <= end; ) {
    const length = version >= 4 ? seven(at + 4) : view.getUint32(at + 4);
    if (length <= 0 || at + 10 + length > end) break;
    if (word(view, at) === "TXXX") {
      const coding = view.getUint8(at + 10);
      const decoder = coding === 0 ? latin : coding === 3 ? utf8 : new TextDecoder(coding === 2 ? "utf-16be" : "utf-16");
      const [name = "", ...text] = decoder.decode(bytesOf(view, at + 11, length - 1)).split("\0");
      if (name) keep(found, name, text.join("\0").replace(/^\ufeff|\0+$/g, ""));
    }
    at += 10 + length;
  }
  return found;
}

/** Tensors of a latent or a model: what its header says beside the tensors. */
export async function tensorTexts(file: Blob): Promise<Texts> {
  const found: Texts = new Map();
  const length = Number((await part(file, 0, 8)).getBigUint64(0, true));
  if (length > MOST) return found;
  try {
    const json = parseJson(await file.slice(8, 8 + length).text());
    const said = isObject(json) ? json.__metadata__ : undefined;
    for (const [key, text] of Object.entries(isObject(said) ? said : {})) if (typeof text === "string") keep(found, key, text);
  } catch {
    // No header that can be read.
  }
  return found;
}
