//! The official templates, if somebody says where they are (TEMPLATES): the editor sends what `burnish convert` writes.

import { execFile } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Catalog } from "../src/document/catalog";
import { isObject, parseJson, sameJson, stringifyJson, type Json, type JsonObject } from "../src/document/json";
import { toPrompt } from "../src/document/prompt";
import { readDocument } from "../src/document/read";
import { Server } from "./stage";

const execute = promisify(execFile);

function files(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? files(path) : name.endsWith(".json") ? [path] : [];
  });
}

/** What the binary makes of a workflow; `null` where it refuses. */
async function converted(path: string): Promise<JsonObject | null> {
  try {
    const { stdout } = await execute(process.env.BURNISH!, ["convert", path], { maxBuffer: 64 << 20 });
    const json = parseJson(stdout);
    return isObject(json) ? json : null;
  } catch (error) {
    // Refusals end with a number; anything else is a fault of this test.
    if (typeof (error as { code?: unknown }).code === "number") return null;
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

it.runIf(directory)("the official templates become the prompts that the binary makes of them", { timeout: 600_000 }, async () => {
  const { catalog } = Catalog.read(parseJson(await (await fetch(`${server.url}api/object_info`)).text()));
  const waiting = files(directory!);
  let compared = 0;
  let refused = 0;
  const differ: string[] = [];
  const work = async () => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const json = parseJson(readFileSync(path, "utf8"));
      if (!isObject(json) || !Array.isArray(json.nodes)) continue;
      const theirs = await converted(path);
      if (!theirs) {
        refused++;
        continue;
      }
      compared++;
      const doc = readDocument(json, catalog);
      const prompt = (draw: (below: number) => number) => parseJson(stringifyJson(toPrompt(doc, catalog, draw) as unknown as JsonObject)) as JsonObject;
      differ.push(...differences(theirs, prompt(() => 0), prompt((below) => below - 1)).map((it) => `${path!.slice(directory!.length)} ${it}`));
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, cpus().length) }, work));
  console.log(`${compared} templates compared, ${refused} not for this server's nodes, ${differ.length} differences`);
  expect(differ).toEqual([]);
  expect(compared).toBeGreaterThan(0);
});
