import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Catalog } from "./catalog";
import { parseJson, sameJson, stringifyJson, type Json, type JsonObject } from "./json";
import { toPrompt } from "./prompt";
import { readDocument, readWorkflow } from "./read";
import { writeDocument } from "./write";

const root = new URL("../../../", import.meta.url);
const load = (path: string): Json => parseJson(readFileSync(new URL(path, root), "utf8"));
const toy = Catalog.read(load("graph/vectors/object_info.json")).catalog;

describe("the vectors that are shared with the Rust converter", () => {
  const vectors = load("graph/vectors/prompts.json") as readonly { name: string; workflow: JsonObject; prompt: JsonObject }[];
  it.each(vectors.map((it, i) => [`${i} ${it.name}`, it] as const))("%s", (_, { workflow, prompt }) => {
    const doc = readWorkflow(workflow);
    expect(comparable(toPrompt(doc, toy, () => 0))).toEqual(comparable(prompt));
    // What is read and written says the same.
    expect(comparable(toPrompt(readWorkflow(writeDocument(doc)), toy, () => 0))).toEqual(comparable(prompt));
    expect(comparable(toPrompt(readWorkflow(writeDocument(doc, 1)), toy, () => 0))).toEqual(comparable(prompt));
  });
});

describe("the example workflows", () => {
  const names = ["text-to-image", "image-to-image", "inpaint", "hires-fix", "prompt-weighting", "batch"];
  it.each(names)("%s goes to the editor and back", (name) => {
    const prompt = load(`workflows/${name}.json`) as JsonObject;
    const catalog = Catalog.read(load("web-ui/src/document/fixtures/object_info.json")).catalog;
    const back = toPrompt(readDocument(prompt, catalog), catalog) as unknown as JsonObject;
    for (const [id, node] of Object.entries(prompt) as [string, JsonObject][]) {
      const made = back[id] as JsonObject;
      expect(made.class_type).toBe(node.class_type);
      for (const [input, value] of Object.entries(node.inputs as JsonObject)) expect((made.inputs as JsonObject)[input]).toEqual(value);
    }
    expect(Object.keys(back).sort()).toEqual(Object.keys(prompt).sort());
  });
});

it("a seed of 64 bits keeps all its digits", () => {
  const text = '{"a":18446744073709551615,"b":[-9223372036854775808,1,0.5]}';
  expect(stringifyJson(parseJson(text))).toBe(text);
  expect(sameJson(parseJson("[5]"), [5n])).toBe(true);
});

it("a file that cannot be understood is told, all of it at once", () => {
  const broken = { nodes: [5, { id: 9 }, { type: "A" }, { id: 1, type: "A" }, { id: 1, type: "A" }], links: [[1], "x", null], version: 0.4 };
  expect(() => readWorkflow(broken)).toThrowErrorMatchingInlineSnapshot(`
    [DocumentError: a node is not an object
    node \`9\` has no type
    a node has no id
    there are two nodes \`1\`
    a link cannot be understood: [1]
    a link cannot be understood: "x"]
  `);
});

/** JSON with numbers of one kind. */
function comparable(json: unknown): unknown {
  return JSON.parse(stringifyJson(json as Json), (_, value) => value);
}
