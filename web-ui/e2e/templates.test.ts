//! The official templates, if somebody says where they are (TEMPLATES): what is opened and exported says the same.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isObject, parseJson, sameJson, type Json, type JsonObject } from "../src/document/json";
import { readWorkflow } from "../src/document/read";
import { writeDocument } from "../src/document/write";

function files(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? files(path) : name.endsWith(".json") ? [path] : [];
  });
}

const list = (json: Json | undefined): readonly Json[] => (Array.isArray(json) ? json : []);

/** A layer without what the editor counts anew, and with links written one way. */
function plain(json: JsonObject): JsonObject {
  const { last_node_id: _node, last_link_id: _link, state: _state, definitions, links, floatingLinks, nodes, ...rest } = json;
  const inner = isObject(definitions) ? list(definitions.subgraphs) : [];
  const point = (value: Json | undefined) => (isObject(value) ? [value["0"] ?? 0, value["1"] ?? 0] : Array.isArray(value) ? value.slice(0, 2) : value);
  return {
    ...rest,
    ...(list(floatingLinks).length ? { floatingLinks } : {}),
    reroutes: list(rest.reroutes),
    nodes: list(nodes).map((it) => (isObject(it) ? { ...it, pos: point(it.pos), size: point(it.size) } : it)),
    links: list(links).filter((it) => it !== null).map((it) => (Array.isArray(it) ? it : isObject(it) ? it : null)),
    definitions: inner.map((it) => plain(it as JsonObject)),
  };
}

/** The first place at which two values differ. */
function difference(a: Json | undefined, b: Json | undefined, path = ""): string | null {
  if (sameJson(a, b)) return null;
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) return a.map((it, i) => difference(it, b[i] as Json, `${path}[${i}]`)).find((it) => it !== null) ?? path;
  if (isObject(a) && isObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = difference(a[key], b[key], `${path}.${key}`);
      if (found !== null) return found;
    }
  }
  return `${path}: ${JSON.stringify(a, (_, it) => (typeof it === "bigint" ? String(it) : it))?.slice(0, 200)} became ${JSON.stringify(b, (_, it) => (typeof it === "bigint" ? String(it) : it))?.slice(0, 200)}`;
}

const directory = process.env.TEMPLATES;
const workflows = directory ? files(directory).flatMap((path) => {
  const json = parseJson(readFileSync(path, "utf8"));
  return isObject(json) && Array.isArray(json.nodes) ? [[path.slice(directory.length), json] as const] : [];
}) : [];

it.runIf(directory)("the official templates open and export without loss", () => {
  expect(workflows.length).toBeGreaterThan(100);
  const lost = workflows.flatMap(([name, json]) => {
    const found = difference(plain(json), plain(writeDocument(readWorkflow(json))));
    return found === null ? [] : [`${name}${found}`];
  });
  console.log(`${workflows.length} templates, ${lost.length} with loss`);
  expect(lost).toEqual([]);
});
