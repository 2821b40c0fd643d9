//! How fast the editor is: size of the bundle, first paint, and script and layout for each move of a drag among hundreds of nodes.
//!
//! BURNISH=path/to/burnish npm run bench

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser, CDPSession } from "playwright-core";
import { Editor, launch, Server } from "../e2e/stage";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = await Server.start();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

it("the bundle is small", () => {
  const dist = new URL("../dist/", import.meta.url);
  const sizes = readdirSync(dist).map((name) => [name, gzipSync(readFileSync(new URL(name, dist))).length] as const);
  const sum = sizes.reduce((total, [, size]) => total + size, 0);
  console.log(`bundle: ${(sum / 1024).toFixed(1)} KiB gzipped (${sizes.map(([name, size]) => `${name} ${(size / 1024).toFixed(1)}`).join(", ")})`);
  expect(sum).toBeLessThan(250 * 1024);
});

/** Samplers in rows, each with 11 controls and sockets, each linked to the one before. */
function workflow(count: number) {
  const nodes = Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    type: "KSamplerAdvanced",
    pos: [(i % 25) * 300, Math.floor(i / 25) * 480],
    size: [264, 400],
    flags: {},
    order: i,
    mode: 0,
    inputs: ["model", "positive", "negative", "latent_image"].map((name, slot) => ({ name, type: ["MODEL", "CONDITIONING", "CONDITIONING", "LATENT"][slot], link: slot === 3 && i ? i : null })),
    outputs: [{ name: "LATENT", type: "LATENT", links: i + 1 < count ? [i + 1] : [] }],
    properties: {},
    widgets_values: ["enable", 5, "randomize", 20, 8, "euler", "normal", 0, 10000, "disable"],
  }));
  const links = Array.from({ length: count - 1 }, (_, i) => [i + 1, i + 1, 0, i + 2, 3, "LATENT"]);
  return { last_node_id: count, last_link_id: count, nodes, links, groups: [], version: 0.4 };
}

async function metrics(session: CDPSession): Promise<{ script: number; layout: number }> {
  const { metrics } = await session.send("Performance.getMetrics");
  const of = (name: string) => (metrics.find((it) => it.name === name)?.value ?? 0) * 1000;
  return { script: of("ScriptDuration"), layout: of("LayoutDuration") + of("RecalcStyleDuration") };
}

it.each([500, 1000])("%d nodes are dragged smoothly", async (count) => {
  const editor = await Editor.open(browser, server);
  const { page } = editor;
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  await editor.dropFile("many.json", "application/json", Buffer.from(JSON.stringify(workflow(count))));
  await page.waitForFunction((many) => (globalThis as unknown as { burnish: { layer(): { nodes: Map<string, unknown> } } }).burnish.layer().nodes.size === many, count);
  await page.waitForTimeout(800);
  // The session brings it back; that is what a user waits for.
  const start = Date.now();
  await page.reload();
  await page.locator(".react-flow__node").first().waitFor();
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  const all = Date.now() - start;
  await editor.ready();
  for (const [name, zoom] of [["far", 0.12], ["middle", 0.4], ["near", 1]] as const) {
    await page.evaluate((it) => (globalThis as unknown as { burnish: { view(view: { x: number; y: number; zoom: number }): void } }).burnish.view({ x: 100, y: 100, zoom: it }), zoom);
    await page.waitForTimeout(600);
    const id = zoom < 0.2 ? 30 : 2;
    const box = (await page.locator(`.react-flow__node-node[data-id="${id}"]`).boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + 8 * zoom];
    const moves = 40;
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 4, y + 4);
    await page.waitForTimeout(200);
    const before = await metrics(session);
    for (let i = 1; i <= moves; i++) {
      await page.mouse.move(x + 4 + i * 2, y + 4 + i);
      await page.evaluate(() => new Promise((then) => requestAnimationFrame(then)));
    }
    const after = await metrics(session);
    await page.mouse.up();
    const moved = (await page.locator(`.react-flow__node-node[data-id="${id}"]`).boundingBox())!;
    expect(moved.x - box.x).toBeGreaterThan(60);
    const mounted = await page.locator(".react-flow__node-node").count();
    const each = (after.script - before.script + after.layout - before.layout) / moves;
    console.log(`${count} nodes, ${name} (zoom ${zoom}, ${mounted} mounted): ${each.toFixed(2)} ms a move (script ${((after.script - before.script) / moves).toFixed(2)}, style and layout ${((after.layout - before.layout) / moves).toFixed(2)})`);
  }
  console.log(`${count} nodes: first paint ${paint.toFixed(0)} ms, all there after ${all} ms`);
  await page.context().close();
});
