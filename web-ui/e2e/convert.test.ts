//! The official templates, if somebody says where they are (TEMPLATES): the editor sends what `burnish convert` writes.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Catalog } from "../src/document/catalog";
import { isObject, parseJson, sameJson, stringifyJson, type Json, type JsonObject } from "../src/document/json";
import { specOf } from "../src/document/live";
import type { GraphNode } from "../src/document/model";
import { toPrompt } from "../src/document/prompt";
import { readDocument } from "../src/document/read";
import { defaultOf, valuesOf } from "../src/document/values";
import { classesOf, namedValues, nodesOf } from "./classes";
import { Server } from "./stage";

const execute = promisify(execFile);

function files(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? files(path) : name.endsWith(".json") ? [path] : [];
  });
}

/** What the binary makes of a workflow with these classes, or why it refuses. */
async function converted(path: string, info: string): Promise<JsonObject | string> {
  try {
    const { stdout } = await execute(process.env.BURNISH!, ["convert", path, "--object-info", info], { maxBuffer: 64 << 20 });
    return parseJson(stdout) as JsonObject;
  } catch (error) {
    // Refusals end with a number; anything else is a fault of this test.
    if (typeof (error as { code?: unknown }).code === "number") return String((error as { stderr?: unknown }).stderr).slice(0, 400);
    throw error;
  }
}

/** Where two prompts differ. What is drawn by lot is not compared: `low` and `high` are the same workflow with other lots. */
function differences(theirs: JsonObject, low: JsonObject, high: JsonObject): string[] {
  const say = (json: Json | undefined) => (json === undefined ? "nothing" : stringifyJson(json).slice(0, 100));
  const found: string[] = [];
  for (const id of new Set([...Object.keys(theirs), ...Object.keys(low)])) {
    const [a, b, c] = [theirs[id], low[id], high[id]];
    if (!isObject(a) || !isObject(b) || !isObject(c)) found.push(`${id}: the binary has ${isObject(a) ? "it" : "it not"}, the editor has ${isObject(b) ? "it" : "it not"}`);
    else if (a.class_type !== b.class_type) found.push(`${id}: ${say(a.class_type)} and ${say(b.class_type)}`);
    else {
      const [x, y, z] = [a.inputs as JsonObject, b.inputs as JsonObject, c.inputs as JsonObject];
      for (const name of new Set([...Object.keys(x), ...Object.keys(y)])) {
        if (sameJson(y[name], z[name]) && !sameJson(x[name], y[name])) found.push(`${id} ${String(a.class_type)}.${name}: the binary has ${say(x[name])}, the editor has ${say(y[name])}`);
      }
    }
  }
  return found;
}

const directory = process.env.TEMPLATES;
let server: Server;
beforeAll(async () => {
  if (directory) server = await Server.start();
});
afterAll(() => server?.stop());

/** Workflows, each once: subgraphs that are listed as files of their own come along with what uses them. */
const workflows = (): [string, JsonObject][] =>
  files(directory!).flatMap((path): [string, JsonObject][] => {
    const json = parseJson(readFileSync(path, "utf8"));
    return isObject(json) && Array.isArray(json.nodes) ? [[path, json]] : [];
  });

/** The classes that the server has, and of the others what the templates tell. */
async function classes(all: readonly JsonObject[]): Promise<JsonObject> {
  const own = parseJson(await (await fetch(`${server.url}api/object_info`)).text()) as JsonObject;
  return { ...classesOf(all, new Set(Object.keys(own))), ...own };
}

it.runIf(directory)("the official templates become the prompts that the binary makes of them", { timeout: 600_000 }, async () => {
  const waiting = workflows();
  const info = await classes(waiting.map(([, json]) => json));
  const saved = join(mkdtempSync(join(tmpdir(), "burnish-e2e-")), "object_info.json");
  writeFileSync(saved, stringifyJson(info));
  const { catalog, broken } = Catalog.read(info);
  expect(broken).toEqual([]);
  let compared = 0;
  let changing = 0;
  const refused: string[] = [];
  const differ: string[] = [];
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [path, json] = next;
      const name = path.slice(directory!.length);
      const theirs = await converted(path, saved);
      if (typeof theirs === "string") {
        refused.push(`${name}: ${theirs}`);
        continue;
      }
      compared++;
      if (Object.values(theirs).some((it) => isObject(it) && catalog.spec(String(it.class_type))?.changes)) changing++;
      const doc = readDocument(json, catalog);
      const prompt = (draw: (below: number) => number) => parseJson(stringifyJson(toPrompt(doc, catalog, draw) as unknown as JsonObject)) as JsonObject;
      differ.push(...differences(theirs, prompt(() => 0), prompt((below) => below - 1)).map((it) => `${name} ${it}`));
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, cpus().length) }, work));
  rmSync(dirname(saved), { recursive: true });
  console.log(`${compared} templates compared (${changing} of them with inputs that depend on the node), ${refused.length} refused, ${differ.length} differences`);
  expect(differ).toEqual([]);
  expect(refused).toEqual([]);
});

it.runIf(directory)("the values of the official templates are read as their files name them", { timeout: 60_000 }, async () => {
  const own = await classes([]);
  const wrong: string[] = [];
  let read = 0;
  let edited = 0;
  for (const [path, json] of workflows()) {
    const { catalog } = Catalog.read({ ...classesOf([json], new Set(Object.keys(own))), ...own });
    for (const node of nodesOf(json)) {
      const named = namedValues(node);
      const graphNode = node as unknown as GraphNode;
      const spec = specOf(catalog, graphNode);
      if (!named || !spec) continue;
      const values = new Map(named);
      for (const it of valuesOf({ ...graphNode, widgets_values_named: undefined } as GraphNode, spec)) {
        const name = it.input.name;
        if (it.value < 0 || !values.has(name)) continue;
        read++;
        const said = values.get(name) ?? defaultOf(it.widget);
        // A file that was renamed by hand in the list alone.
        if (typeof said === "string" && typeof it.current === "string" && said !== it.current && /[./]/.test(said)) edited++;
        else if (!sameJson(it.current, said)) wrong.push(`${path.slice(directory!.length)} ${String(node.type)}.${name}: ${stringifyJson(it.current ?? null).slice(0, 60)} is named ${stringifyJson(values.get(name) ?? null).slice(0, 60)}`);
      }
    }
  }
  console.log(`${read} values read, ${wrong.length} of them not as they are named, ${edited} names of files changed by hand`);
  expect(wrong).toEqual([]);
  expect(edited).toBeLessThan(read / 200);
  expect(read).toBeGreaterThan(1000);
});
