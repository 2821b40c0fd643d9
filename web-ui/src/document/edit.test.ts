import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Catalog, type Widget } from "./catalog";
import { copyNodes, pasteNodes } from "./clipboard";
import { addGroup, addReroute, connect, disconnect, freeNodeId, moveNodes, newNode, patchNodes, removeNodes, removeReroute, setRow, toggleMode, waypoints, withNode } from "./edit";
import { afterRun, faceOf, withRow } from "./face";
import { shapeOf } from "./geometry";
import { edited, redone, settled, startHistory, undone } from "./history";
import { parseJson, type JsonObject } from "./json";
import { align, arrange } from "./layout";
import { textsOf } from "./metadata";
import { connects, emptyDocument, keyOf, layerOf, Mode, ROOT, type Document } from "./model";
import { toPrompt } from "./prompt";
import { readDocument, readWorkflow } from "./read";
import { search } from "./search";
import { blueprintOf, createSubgraph, promotable, promote, removePort, unpackSubgraph } from "./subgraph";
import { translated } from "./translate";
import { drawn, undrawn } from "./values";
import { reweighted } from "./weight";
import { writeDocument } from "./write";

const load = (path: string) => parseJson(readFileSync(new URL(path, new URL("../../../", import.meta.url)), "utf8"));
const catalog = Catalog.read(load("graph/vectors/object_info.json")).catalog;

/** A sampler fed by a checkpoint, twice encoded, decoded and saved. */
function picture(): Document {
  return readDocument(
    {
      "1": { class_type: "Checkpoint", inputs: { ckpt_name: "sd15.safetensors" } },
      "2": { class_type: "Encode", inputs: { text: "a cat", clip: ["1", 1] } },
      "3": { class_type: "Empty", inputs: { width: 64, height: 64 } },
      "4": { class_type: "Sample", inputs: { model: ["1", 0], seed: 5, steps: 2, cfg: 7, sampler_name: "euler", positive: ["2", 0], negative: ["2", 0], latent: ["3", 0], denoise: 1 } },
      "5": { class_type: "Decode", inputs: { samples: ["4", 0], vae: ["1", 2] } },
      "6": { class_type: "Save", inputs: { images: ["5", 0], prefix: "cat" } },
    },
    catalog,
  );
}

const root = (doc: Document) => layerOf(doc, ROOT);
const prompt = (doc: Document) => toPrompt(doc, catalog, () => 0);

/** Checks that sockets and the list of links say the same. */
function consistent(doc: Document): void {
  for (const layer of doc.layers.values()) {
    const listed = new Set(layer.links.keys());
    for (const node of layer.nodes.values()) {
      node.inputs?.forEach((input, slot) => {
        if (input.link == null) return;
        const link = layer.links.get(input.link);
        expect(link, `link ${input.link} into ${node.id}`).toBeDefined();
        expect([link!.target, link!.targetSlot]).toEqual([keyOf(node), slot]);
      });
      node.outputs?.forEach((output, slot) => {
        for (const id of output.links ?? []) {
          expect(listed.has(id)).toBe(true);
          expect([layer.links.get(id)!.origin, layer.links.get(id)!.originSlot]).toEqual([keyOf(node), slot]);
        }
      });
    }
    for (const link of layer.links.values()) {
      const target = layer.nodes.get(link.target);
      if (target) expect(target.inputs?.[link.targetSlot]?.link).toBe(link.id);
      const origin = layer.nodes.get(link.origin);
      if (origin) expect(origin.outputs?.[link.originSlot]?.links).toContain(link.id);
    }
  }
}

describe("links", () => {
  it("take the place of what fed the input before", () => {
    let doc = picture();
    const links = root(doc).links.size;
    doc = withNode(doc, ROOT, newNode(catalog, "Encode", [0, 0], 9));
    doc = connect(doc, ROOT, { origin: "9", originSlot: 0, target: "4", input: { name: "negative", type: "CONDITIONING", widget: false }, type: "CONDITIONING" });
    consistent(doc);
    expect(root(doc).links.size).toBe(links);
    expect(prompt(doc)["4"]!.inputs.negative).toEqual(["9", 0]);
  });

  it("to a widget make its socket, and their end gives the value back", () => {
    let doc = withNode(picture(), ROOT, newNode(catalog, "Number", [0, 0], 9));
    doc = connect(doc, ROOT, { origin: "9", originSlot: 0, target: "4", input: { name: "steps", type: "INT", widget: true }, type: "INT" });
    consistent(doc);
    expect(prompt(doc)["4"]!.inputs.steps).toEqual(["9", 0]);
    const link = [...root(doc).links.values()].find((it) => it.origin === "9")!;
    doc = disconnect(doc, ROOT, [link.id]);
    consistent(doc);
    expect(prompt(doc)["4"]!.inputs.steps).toBe(2);
  });

  it("of a removed node go, or are healed where the types fit", () => {
    let doc = withNode(picture(), ROOT, newNode(catalog, "Scale", [0, 0], 9));
    doc = connect(doc, ROOT, { origin: "5", originSlot: 0, target: "9", input: { name: "image", type: "IMAGE", widget: false }, type: "IMAGE" });
    doc = connect(doc, ROOT, { origin: "9", originSlot: 0, target: "6", input: { name: "images", type: "IMAGE", widget: false }, type: "IMAGE" });
    const gone = removeNodes(doc, ROOT, ["9"]);
    consistent(gone);
    expect(prompt(gone)["6"]!.inputs.images).toBeUndefined();
    const healed = removeNodes(doc, ROOT, ["9"], true);
    consistent(healed);
    expect(prompt(healed)["6"]!.inputs.images).toEqual(["5", 0]);
  });

  it("are drawn through points, which survive both versions of the format", () => {
    let doc = picture();
    const link = [...root(doc).links.values()].find((it) => it.target === "6")!;
    doc = addReroute(doc, ROOT, link.id, [10, 20]);
    doc = addReroute(doc, ROOT, link.id, [30, 40]);
    expect(waypoints(root(doc), root(doc).links.get(link.id)!)).toEqual([1, 2]);
    for (const version of [0.4, 1] as const) {
      const again = readWorkflow(writeDocument(doc, version));
      expect(waypoints(root(again), root(again).links.get(link.id)!)).toEqual([1, 2]);
      expect(prompt(again)).toEqual(prompt(doc));
    }
    doc = removeReroute(doc, ROOT, 1);
    expect(waypoints(root(doc), root(doc).links.get(link.id)!)).toEqual([2]);
  });

  it("fit by type, union and wildcard", () => {
    expect(connects("IMAGE", "IMAGE")).toBe(true);
    expect(connects("IMAGE", "MASK")).toBe(false);
    expect(connects("INT,FLOAT", "FLOAT")).toBe(true);
    expect(connects("*", "MODEL")).toBe(true);
    expect(connects("image", "IMAGE, MASK")).toBe(true);
  });
});

describe("undo", () => {
  it("takes back a gesture as a whole", () => {
    const doc = emptyDocument();
    const typed = (n: number) => withNode(doc, ROOT, { ...newNode(catalog, "Encode", [0, 0], 1), widgets_values: ["x".repeat(n)] });
    let history = startHistory(doc);
    for (let i = 1; i < 5; i++) history = edited(history, typed(i), "text");
    history = settled(history);
    history = edited(history, typed(9), "text");
    expect(history.past).toHaveLength(2);
    history = undone(undone(history));
    expect(history.present).toBe(doc);
    expect(redone(redone(history)).present.layers.get(ROOT)!.nodes.get("1")!.widgets_values).toEqual(["xxxxxxxxx"]);
    expect(undone(history)).toBe(history);
  });
});

describe("copies", () => {
  it("keep their links among each other, and those that come from elsewhere when that is wanted", () => {
    const doc = picture();
    const copy = copyNodes(doc, ROOT, ["4", "5"]) as JsonObject;
    const plain = pasteNodes(doc, ROOT, copy, [1000, 1000]);
    consistent(plain.doc);
    const made = prompt(plain.doc);
    const [sampler, decode] = plain.ids as [string, string];
    expect(made[decode]!.inputs.samples).toEqual([sampler, 0]);
    expect(made[sampler]!.inputs.model).toBeUndefined();
    expect(made[sampler]!.inputs.seed).toBe(5);
    const fed = pasteNodes(doc, ROOT, copy, [1000, 1000], true);
    consistent(fed.doc);
    expect(prompt(fed.doc)[fed.ids[0]!]!.inputs.model).toEqual(["1", 0]);
    expect(Math.min(...fed.ids.map((id) => root(fed.doc).nodes.get(id)!.pos[0]))).toBe(1000);
  });

  it("bring the subgraphs that they need", () => {
    const made = createSubgraph(picture(), ROOT, ["4", "5"], catalog, "Draw")!;
    const pasted = pasteNodes(emptyDocument(), ROOT, copyNodes(made.doc, ROOT, [made.id]), [0, 0]);
    expect(pasted.doc.layers.size).toBe(2);
    consistent(pasted.doc);
  });
});

describe("subgraphs", () => {
  const withoutIds = (doc: Document) => Object.values(prompt(doc)).map((it) => `${it.class_type} ${JSON.stringify(it.inputs).replace(/"[\d:]+"/g, '"#"')}`).sort();

  it("run as the nodes that they hold, and unpack to them", () => {
    const before = picture();
    const { doc, id } = createSubgraph(before, ROOT, ["2", "4", "5"], catalog, "Draw")!;
    consistent(doc);
    expect(root(doc).nodes.size).toBe(4);
    expect(withoutIds(doc)).toEqual(withoutIds(before));
    const again = readWorkflow(writeDocument(doc));
    expect(prompt(again)).toEqual(prompt(doc));
    const unpacked = unpackSubgraph(doc, ROOT, id, catalog)!.doc;
    consistent(unpacked);
    expect(unpacked.layers.size).toBe(1);
    expect(withoutIds(unpacked)).toEqual(withoutIds(before));
  });

  it("stand in subgraphs", () => {
    const inner = createSubgraph(picture(), ROOT, ["4", "5"], catalog, "Inner")!;
    const outer = createSubgraph(inner.doc, ROOT, ["2", inner.id], catalog, "Outer")!;
    consistent(outer.doc);
    expect(withoutIds(outer.doc)).toEqual(withoutIds(picture()));
  });

  it("lose an input in all places at once", () => {
    const { doc, id } = createSubgraph(picture(), ROOT, ["4", "5"], catalog, "Draw")!;
    const type = root(doc).nodes.get(id)!.type;
    const slot = layerOf(doc, type).inputs.findIndex((it) => it.name === "latent");
    const less = removePort(doc, type, "inputs", slot, catalog);
    consistent(less);
    expect(prompt(less)[`${id}:4`]!.inputs.latent).toBeUndefined();
    expect(prompt(less)[`${id}:4`]!.inputs.model).toEqual(["1", 0]);
    expect(prompt(less)[`${id}:5`]!.inputs.vae).toEqual(["1", 2]);
  });
});

describe("nodes", () => {
  it("are muted and woken, moved, and placed by the computer without touching each other", () => {
    let doc = toggleMode(picture(), ROOT, ["5", "6"], Mode.Muted);
    expect(Object.keys(prompt(doc))).not.toContain("6");
    doc = toggleMode(doc, ROOT, ["5", "6"], Mode.Muted);
    expect(Object.keys(prompt(doc))).toContain("6");
    doc = moveNodes(doc, ROOT, new Map([["1", [7, 8]]]));
    expect(root(doc).nodes.get("1")!.pos).toEqual([7, 8]);
    doc = arrange(doc, ROOT, catalog);
    const boxes = [...root(doc).nodes.values()].map((node) => ({ node, shape: shapeOf(faceOf(doc, root(doc), node, catalog), node, false) }));
    for (const a of boxes)
      for (const b of boxes) {
        if (a === b) continue;
        const apart = a.node.pos[0] + a.shape.width <= b.node.pos[0] || b.node.pos[0] + b.shape.width <= a.node.pos[0] || a.node.pos[1] + a.shape.height <= b.node.pos[1] || b.node.pos[1] + b.shape.height <= a.node.pos[1];
        expect(apart, `${a.node.id} and ${b.node.id}`).toBe(true);
      }
    const lined = align(doc, ROOT, catalog, ["1", "2", "3"], "left");
    expect(new Set(["1", "2", "3"].map((id) => root(lined).nodes.get(id)!.pos[0])).size).toBe(1);
  });

  it("get numbers that no other has, in subgraphs neither", () => {
    const { doc } = createSubgraph(picture(), ROOT, ["6"], catalog)!;
    expect(freeNodeId(doc)).toBe(8);
    expect(addGroup(doc, ROOT, [0, 0, 10, 10]).layers.get(ROOT)!.groups).toHaveLength(1);
  });

  it("keep the words of controls in their place when a value is set", () => {
    const doc = picture();
    const node = withRow(doc, root(doc).nodes.get("4")!, catalog, "cfg", 3.5);
    expect(node.widgets_values).toEqual([5, "fixed", 2, 3.5, "euler", 1]);
    const mode = withRow(doc, node, catalog, "seed", "randomize", "control");
    expect(mode.widgets_values).toEqual([5, "randomize", 2, 3.5, "euler", 1]);
    // A list that was cut short is written out.
    const short = patchNodes(doc, ROOT, ["4"], (it) => ({ ...it, widgets_values: [7] }));
    expect(withRow(short, root(short).nodes.get("4")!, catalog, "denoise", 0.5).widgets_values).toEqual([7, "fixed", 20, 8, "euler", 0.5]);
  });
});

describe("values", () => {
  const seed: Widget = { kind: "int", default: 0, min: 0, max: 18446744073709551615n, step: 1, round: null, control: "randomize", display: "number" };

  it("change after a run within their limits", () => {
    expect(afterRun(seed, 18446744073709551614n, "increment")).toBe(18446744073709551615n);
    expect(afterRun(seed, 18446744073709551615n, "increment")).toBe(18446744073709551615n);
    expect(afterRun(seed, 0, "decrement")).toBe(0);
    expect(afterRun(seed, 5, "fixed")).toBe(5);
    expect(afterRun(seed, 5, "randomize", () => 0.999999999)).toBeGreaterThan(2n ** 63n);
    const combo: Widget = { kind: "combo", options: ["a", "b"], default: "a", upload: null, folder: "input", control: "fixed", multiselect: false };
    expect(afterRun(combo, "b", "increment-wrap")).toBe("a");
    expect(afterRun(combo, "b", "increment")).toBe("b");
  });

  it("with choices are drawn, nested ones and comments too", () => {
    expect(drawn("a {red|green|{light|dark} blue} cat // not this\nor \\{this\\} /* nor\nthat */", () => 0)).toBe("a red cat \nor {this} ");
    expect(drawn("{a|{b|c}}", (n) => n - 1)).toBe("c");
    for (const text of ["{a|b}", "http://c /* d */", "///*", "é|"]) expect(drawn(undrawn(text), () => 0)).toBe(text);
  });

  it("weigh words", () => {
    expect(reweighted("a red cat", 3, 3, 0.05)).toEqual({ text: "a (red:1.05) cat", start: 3, end: 6 });
    expect(reweighted("a (red:1.05) cat", 3, 6, 0.05).text).toBe("a (red:1.10) cat");
    expect(reweighted("a (red:1.05) cat", 3, 6, -0.05)).toEqual({ text: "a red cat", start: 2, end: 5 });
    expect(reweighted("a red cat", 2, 9, 0.05).text).toBe("a (red cat:1.05)");
  });
});

it("search finds letters in order, and beginnings of words first", () => {
  const names = ["VAE Decode", "Decode Audio", "Empty Latent Image", "Load Image"];
  expect(search("decode", names, (it) => [it])[0]).toBe("Decode Audio");
  expect(search("eli", names, (it) => [it])[0]).toBe("Empty Latent Image");
  expect(search("image load", names, (it) => [it])).toEqual(["Load Image"]);
  expect(search("xyz", names, (it) => [it])).toEqual([]);
});

it("pictures give the texts that they carry, and other files none", async () => {
  const chunk = (kind: string, body: string) => {
    const bytes = Buffer.from(body, "utf8");
    const head = Buffer.alloc(8);
    head.writeUInt32BE(bytes.length);
    head.write(kind, 4);
    return Buffer.concat([head, bytes, Buffer.alloc(4)]);
  };
  const png = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("tEXt", 'workflow\0{"a":"é"}'), chunk("iTXt", 'prompt\0\0\0\0\0{"b":1}'), chunk("IEND", "")]);
  expect(await textsOf(new Blob([png]))).toEqual(new Map([["workflow", '{"a":"é"}'], ["prompt", '{"b":1}']]));
  expect(await textsOf(new Blob([png.subarray(0, 30)]))).toEqual(new Map());
  const entry = Buffer.from('workflow:{"c":2}\0');
  const tiff = Buffer.concat([Buffer.from("MM\0*\0\0\0\x08\0\x01\x01\x0f\0\x02\0\0\0", "latin1"), Buffer.from([entry.length]), Buffer.from("\0\0\0\x1a\0\0\0\0", "latin1"), entry]);
  const exif = Buffer.concat([Buffer.from("EXIF"), Buffer.from([tiff.length, 0, 0, 0]), tiff]);
  const webp = Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBP", "latin1"), exif]);
  expect(await textsOf(new Blob([webp]))).toEqual(new Map([["workflow", '{"c":2}']]));
  expect(await textsOf(new Blob(["hello"]))).toEqual(new Map());
});

it.each(["film.mp4", "film.webm", "sound.flac", "sound.opus", "sound.mp3"])("%s gives the workflow that it carries", async (name) => {
  const bytes = readFileSync(new URL(`fixtures/${name}`, import.meta.url));
  const texts = await textsOf(new Blob([bytes]));
  expect(parseJson(texts.get("workflow")!)).toMatchObject({ nodes: [], version: 0.4, extra: { about: "é".repeat(200) } });
  expect(parseJson(texts.get("prompt")!)).toMatchObject({ "1": { class_type: "EmptyLatentImage" } });
  // Whatever is cut off or broken, it ends and takes nothing for a text that is none.
  for (let end = 0; end < bytes.length; end += 7) await textsOf(new Blob([bytes.subarray(0, end)]));
  for (let at = 0; at < 600; at++) {
    const broken = Buffer.from(bytes);
    const place = (at * 37) % bytes.length;
    broken[place] = bytes[place]! ^ 0xff;
    await textsOf(new Blob([broken]));
  }
});

it("a film whose comment is a workflow, and a latent, give it", async () => {
  const box = (kind: string, ...inside: Buffer[]) => {
    const body = Buffer.concat(inside);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length + 8);
    head.write(kind, 4, "latin1");
    return Buffer.concat([head, body]);
  };
  const comment = box("data", Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]), Buffer.from('{"workflow":{"nodes":[]},"prompt":"{}"}'));
  const film = Buffer.concat([box("ftyp", Buffer.from("mp42")), box("moov", box("udta", box("meta", Buffer.alloc(4), box("ilst", box("\u00a9cmt", comment)))))]);
  const texts = await textsOf(new Blob([film]));
  expect([texts.get("workflow"), texts.get("prompt")]).toEqual(['{"nodes":[]}', "{}"]);
  const header = Buffer.from('{"__metadata__":{"workflow":"{}"}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  expect((await textsOf(new Blob([length, header]))).get("workflow")).toBe("{}");
});

describe("inputs that depend on the node", () => {
  const add = (type: string) => withNode(emptyDocument(), ROOT, newNode(catalog, type, [0, 0], 1));
  const face = (doc: Document, id = "1") => faceOf(doc, root(doc), root(doc).nodes.get(id)!, catalog);
  const keys = (doc: Document) => face(doc).rows.map((it) => it.key);

  it("change with the choice, and what both options have keeps its value", () => {
    let doc = add("Resize");
    expect(keys(doc)).toEqual(["way", "way.factor", "method"]);
    doc = setRow(doc, ROOT, "1", catalog, "method", "area");
    doc = setRow(doc, ROOT, "1", catalog, "way", "size");
    expect(keys(doc)).toEqual(["way", "way.width", "way.height", "way.crop", "method"]);
    doc = setRow(doc, ROOT, "1", catalog, "way.crop", "cut");
    doc = setRow(doc, ROOT, "1", catalog, "way.width", 7);
    expect(root(doc).nodes.get("1")!.widgets_values).toEqual(["size", 7, 512, "cut", false, "area"]);
    expect(prompt(doc)["1"]!.inputs).toEqual({ way: "size", "way.width": 7, "way.height": 512, "way.crop": "cut", "way.crop.middle": false, method: "area" });
    doc = setRow(doc, ROOT, "1", catalog, "way", "chance");
    expect(root(doc).nodes.get("1")!.widgets_values).toEqual(["chance", 0, "randomize", 0.5, "area"]);
  });

  it("lose their links with the option that brought them", () => {
    let doc = withNode(setRow(add("Resize"), ROOT, "1", catalog, "way", "like"), ROOT, newNode(catalog, "LoadImage", [0, 0], 2));
    const link = (name: string) => (doc = connect(doc, ROOT, { origin: "2", originSlot: 0, target: "1", input: { name, type: "IMAGE", widget: false }, type: "IMAGE" }));
    link("image");
    link("way.likes.like_1");
    expect(face(doc).inputs.map((it) => it.name)).toEqual(["image", "way.likes.like_1", "way.likes.like_2"]);
    doc = setRow(doc, ROOT, "1", catalog, "way", "factor");
    consistent(doc);
    expect(face(doc).inputs.map((it) => it.name)).toEqual(["image"]);
    expect([...root(doc).links.values()].map((it) => it.targetSlot)).toEqual([0]);
  });

  it("grow as they are linked, as far as they may", () => {
    let doc = withNode(add("Gather"), ROOT, newNode(catalog, "LoadImage", [0, 0], 2));
    const names = () => face(doc).inputs.map((it) => it.name);
    const link = (name: string) => (doc = connect(doc, ROOT, { origin: "2", originSlot: 0, target: "1", input: { name, type: "IMAGE", widget: false }, type: "IMAGE" }));
    expect(names()).toEqual(["images.image0"]);
    link("images.image0");
    link("images.image1");
    expect(names()).toEqual(["images.image0", "images.image1", "images.image2"]);
    link("images.image2");
    expect(names()).toHaveLength(3);
    doc = disconnect(doc, ROOT, [2, 3]);
    expect(names()).toEqual(["images.image0", "images.image1"]);
    expect(prompt(doc)["1"]!.inputs).toEqual({ "images.image0": ["2", 0] });
  });

  it("are read from a prompt", () => {
    const inputs = { way: "size", "way.width": 7, "way.height": 8, "way.crop": "cut", "way.crop.middle": true, method: "area" };
    const doc = readDocument({ "1": { class_type: "Resize", inputs }, "2": { class_type: "Gather", inputs: { "images.image0": ["1", 0], "images.image1": ["1", 0] } } }, catalog);
    consistent(doc);
    expect(prompt(doc)["1"]!.inputs).toEqual(inputs);
    expect(prompt(doc)["2"]!.inputs).toEqual({ "images.image0": ["1", 0], "images.image1": ["1", 0] });
  });
});

describe("widgets of a subgraph", () => {
  it("are shown outside and taken back, and the others keep their values", () => {
    const made = createSubgraph(picture(), ROOT, ["4", "5"], catalog, "Draw")!;
    const type = root(made.doc).nodes.get(made.id)!.type;
    const show = (doc: Document, key: string) => promote(doc, type, "4", promotable(doc, type, "4", catalog).find((it) => it.row.key === key)!.row);
    let doc = show(show(show(made.doc, "steps"), "cfg"), "denoise");
    const rows = () => faceOf(doc, root(doc), root(doc).nodes.get(made.id)!, catalog).rows.map((it) => [it.label, it.value]);
    expect(rows()).toEqual([["steps", 2], ["cfg", 7], ["denoise", 1]]);
    const set = (name: string, value: number) => (doc = setRow(doc, ROOT, made.id, catalog, `in:${name}`, value));
    set("steps", 9);
    set("denoise", 0.5);
    expect(prompt(doc)[`${made.id}:4`]!.inputs).toMatchObject({ steps: 9, cfg: 7, denoise: 0.5 });
    const slot = promotable(doc, type, "4", catalog).find((it) => it.row.key === "cfg")!.slot!;
    doc = removePort(doc, type, "inputs", slot, catalog);
    consistent(doc);
    expect(rows()).toEqual([["steps", 9], ["denoise", 0.5]]);
    expect(prompt(doc)[`${made.id}:4`]!.inputs).toMatchObject({ steps: 9, cfg: 7, denoise: 0.5 });
  });

  it("are kept for other workflows with all that they hold", () => {
    const made = createSubgraph(picture(), ROOT, ["4", "5"], catalog, "Draw")!;
    const kept = blueprintOf(made.doc, ROOT, made.id, "Mine")!;
    const { doc, ids } = pasteNodes(emptyDocument(), ROOT, kept, [10, 20]);
    const node = root(doc).nodes.get(ids[0]!)!;
    expect([node.pos, layerOf(doc, node.type).name, layerOf(doc, node.type).nodes.size]).toEqual([[10, 20], "Mine", 2]);
    expect(faceOf(doc, root(doc), node, catalog).title).toBe("Mine");
  });
});

it("nodes are called as their user speaks", () => {
  const names = { de: { nodeDefs: { Sample: { display_name: "Malen", inputs: { steps: { name: "Schritte", tooltip: "Wie viele" } }, outputs: { 0: { name: "Latentes" } } } } } };
  const spec = (...languages: string[]) => Catalog.read(translated(load("graph/vectors/object_info.json"), names, languages)).catalog.spec("Sample")!;
  const german = spec("fr", "de-AT");
  expect([german.title, german.outputs[0]!.name, german.aliases]).toEqual(["Malen", "Latentes", ["The Sample"]]);
  expect(german.inputs.find((it) => it.name === "steps")).toMatchObject({ label: "Schritte", tooltip: "Wie viele" });
  expect(spec("en-GB", "de").title).toBe("The Sample");
});
