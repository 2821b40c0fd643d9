//! Groups, subgraphs, and inputs that depend on the node.

import { readFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { it } from "./fixture";
import type { Editor } from "./stage";

const groups = (editor: Editor) =>
  editor.page.evaluate(() => {
    const layer = (globalThis as unknown as { burnish: { layer(): { groups: { bounding: number[]; color?: string }[]; nodes: Map<string, { pos: number[]; size: number[]; mode?: number }> } } }).burnish.layer();
    return { groups: layer.groups.map(({ bounding, color }) => ({ bounding, color })), modes: [...layer.nodes.values()].map((it) => it.mode ?? 0), nodes: [...layer.nodes.values()].map(({ pos, size }) => [pos[0]!, pos[1]!, pos[0]! + size[0]!, pos[1]! + size[1]!]) };
  });

describe("groups", () => {
  it("are coloured, fitted to their nodes, and mute them all", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Control+g");
    await page.keyboard.press(".");
    const title = page.locator(".group-title");
    const choose = async (...entries: string[]) => {
      await title.click({ button: "right" });
      for (const entry of entries.slice(0, -1)) await page.getByRole("menuitem", { name: entry, exact: true }).hover();
      await page.getByRole("menuitem", { name: entries.at(-1)!, exact: true }).click();
    };
    await choose("Colour", "Purple");
    expect((await groups(editor)).groups[0]!.color).toBe("#a1309b");
    // Made larger than it need be, it shrinks to its nodes.
    const corner = (await page.locator(".group .node-corner").boundingBox())!;
    await editor.drag([corner.x + 4, corner.y + 4], [corner.x + 34, corner.y + 24]);
    const large = (await groups(editor)).groups[0]!.bounding;
    await choose("Fit to its nodes");
    const { groups: after, nodes } = await groups(editor);
    const [x, y, width, height] = after[0]!.bounding as [number, number, number, number];
    expect(width).toBeLessThan(large[2]!);
    for (const [left, top, right, bottom] of nodes as [number, number, number, number][]) {
      expect([left > x, top > y, right < x + width, bottom < y + height]).toEqual([true, true, true, true]);
    }
    await choose("Mute its nodes");
    expect(new Set((await groups(editor)).modes)).toEqual(new Set([2]));
    await choose("Mute its nodes");
    expect(new Set((await groups(editor)).modes)).toEqual(new Set([0]));
    await page.keyboard.press("Control+z");
    expect(new Set((await groups(editor)).modes)).toEqual(new Set([2]));
  });
});

it("a link that is dropped on a node goes to the first socket that takes it", async ({ editor }) => {
  await editor.example("Text to image");
  const { nodes, links } = await editor.size();
  await editor.drag(editor.slot("Sample", "in", "latent_image"), [700, 820]);
  expect(await editor.size()).toEqual({ nodes, links: links - 1 });
  const latent = await editor.page.locator('.node[data-class="EmptyLatentImage"] .node-name').innerText();
  const box = await editor.box("Sample");
  await editor.drag(editor.slot(latent, "out", "0"), [box.x + box.width / 2, box.y + box.height - 8]);
  expect(await editor.size()).toEqual({ nodes, links });
  await editor.page.keyboard.press("Control+Enter");
  await editor.picture().waitFor();
});

it("all links of an output are moved to another at once", async ({ editor }) => {
  const { page } = editor;
  await editor.example("Text to image");
  const { nodes, links } = await editor.size();
  await editor.add("CheckpointLoaderSimple", 300, 120);
  const other = page.locator('.node[data-class="CheckpointLoaderSimple"] .node-name');
  const title = await other.innerText();
  const clips = (name: string) => page.evaluate((from) => {
    const layer = (globalThis as unknown as { burnish: { layer(): { nodes: Map<string, { type: string; outputs: { links: number[] | null }[] }> } } }).burnish.layer();
    return [...layer.nodes.values()].find((it) => it.type === from)!.outputs[1]!.links?.length ?? 0;
  }, name);
  expect(await clips("DiffusersLoader")).toBe(2);
  await page.keyboard.down("Shift");
  await editor.drag(editor.slot("Load the demo model", "out", "1"), editor.slot(title, "out", "1"));
  await page.keyboard.up("Shift");
  expect([await clips("DiffusersLoader"), await clips("CheckpointLoaderSimple")]).toEqual([0, 2]);
  expect(await editor.size()).toEqual({ nodes: nodes + 1, links });
  await page.keyboard.press("Control+z");
  expect([await clips("DiffusersLoader"), await clips("CheckpointLoaderSimple")]).toEqual([2, 0]);
});

it("classes that the server does not have are listed and marked, and the rest can be worked with", async ({ editor }) => {
  const { page } = editor;
  const workflow = {
    nodes: [
      { id: 1, type: "EmptyLatentImage", pos: [0, 0], size: [240, 120], inputs: [], outputs: [{ name: "LATENT", type: "LATENT", links: [1] }], widgets_values: [64, 64, 1] },
      { id: 2, type: "Beyond", pos: [400, 0], size: [240, 120], inputs: [{ name: "it", type: "LATENT", link: 1 }], outputs: [], widgets_values: [7, { deep: true }] },
      { id: 3, type: "Elsewhere", pos: [400, 300], size: [240, 120], inputs: [], outputs: [], widgets_values: [] },
    ],
    links: [[1, 1, 0, 2, 0, "LATENT"]],
    version: 0.4,
  };
  await editor.dropFile("strange.json", "application/json", Buffer.from(JSON.stringify(workflow)));
  const panel = page.getByRole("region", { name: "Errors" });
  await panel.getByText("Not on this server").waitFor();
  expect(await panel.locator("code").allInnerTexts()).toEqual(["Beyond", "Elsewhere"]);
  expect(await page.locator(".node[data-missing]").count()).toBe(2);
  await page.getByText("2 node classes are not on this server: Beyond, Elsewhere").waitFor();
  // What is not known is kept as it came.
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export", exact: true }).click()]);
  const exported = JSON.parse(readFileSync(await file.path(), "utf8")) as { nodes: { type: string; widgets_values: unknown }[] };
  expect(exported.nodes.find((it) => it.type === "Beyond")!.widgets_values).toEqual([7, { deep: true }]);
  // Without them, nothing is wrong any more.
  for (const name of ["Beyond", "Elsewhere"]) {
    await editor.pick(name);
    await page.keyboard.press("Delete");
  }
  await panel.getByText("Nothing is wrong.").waitFor();
});

describe("subgraphs", () => {
  it("show widgets of their nodes, and are kept for other workflows", async ({ editor, server }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await editor.pick("Sample");
    await editor.also("Decode");
    await page.keyboard.press("Control+Shift+e");
    await page.getByRole("textbox", { name: "Name of the subgraph" }).fill("Draw");
    await page.keyboard.press("Enter");
    await editor.node("Draw").getByRole("button", { name: "Open subgraph" }).click();
    await page.getByRole("navigation", { name: "Subgraphs" }).waitFor();
    await editor.node("Sample").locator(".node-title").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Show outside" }).hover();
    await page.getByRole("menuitemcheckbox", { name: "steps" }).click();
    await page.keyboard.press("Escape");
    await editor.type("Draw", "steps", 3);
    await page.keyboard.press("Control+Enter");
    await editor.picture().waitFor();
    await editor.idle();
    expect(await (await fetch(`${server.url}history?max_items=1`)).text()).toMatch(/"steps":3\b/);
    // Kept, it is among the nodes of every workflow.
    await editor.choose("Draw", "Keep for other workflows...");
    await page.getByRole("textbox", { name: "Keep the subgraph as" }).fill("Mine to draw");
    await page.keyboard.press("Enter");
    await page.getByText('Kept "Mine to draw".').waitFor();
    await page.getByRole("button", { name: "New workflow" }).click();
    await page.reload();
    await editor.ready();
    await page.getByRole("button", { name: "New workflow" }).click();
    await page.keyboard.press("n");
    await page.getByLabel("Search nodes").fill("mine to");
    await page.locator(".node-entry button", { hasText: "Mine to draw" }).dragTo(page.locator(".canvas"), { targetPosition: { x: 400, y: 300 } });
    await editor.node("Mine to draw").waitFor();
    expect(await editor.node("Mine to draw").getByRole("spinbutton", { name: "steps" }).innerText()).toContain("3");
    await page.getByRole("button", { name: "Delete Mine to draw" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await expect.poll(() => page.locator(".node-entry button", { hasText: "Mine to draw" }).count()).toBe(0);
  });
});

describe("inputs that depend on the node", () => {
  it("come with a choice, grow with their links, and are drawn", async ({ editor }) => {
    const { page } = editor;
    // No node of this server has such inputs, so it is told of some that do.
    const classes = JSON.parse(readFileSync(new URL("../../graph/vectors/object_info.json", import.meta.url), "utf8")) as Record<string, unknown>;
    await page.route("**/api/object_info", async (route) => {
      const answer = (await (await route.fetch()).json()) as Record<string, unknown>;
      const rare = { input: { required: { much: ["INT", { default: 1 }], grain: ["FLOAT", { default: 0.5, advanced: true }] } }, output: [], display_name: "Rarely" };
      await route.fulfill({ json: { ...answer, Resize: classes.Resize, Gather: classes.Gather, Curve: classes.Curve, Rare: rare } });
    });
    await page.reload();
    await editor.ready();
    await editor.add("The Resize", 300, 200);
    const resize = editor.node("The Resize");
    await resize.getByRole("combobox", { name: /^way:/ }).click();
    await page.keyboard.type("size");
    await page.keyboard.press("Enter");
    await editor.type("The Resize", "height", 96);
    await resize.getByRole("combobox", { name: /^crop:/ }).click();
    await page.keyboard.type("cut");
    await page.keyboard.press("Enter");
    await resize.getByRole("switch", { name: "middle" }).click();
    const values = () =>
      page.evaluate(() => {
        const { nodes } = (globalThis as unknown as { burnish: { layer(): { nodes: Map<string, { type: string; widgets_values: unknown }> } } }).burnish.layer();
        return Object.fromEntries([...nodes.values()].map((it) => [it.type, it.widgets_values]));
      });
    expect((await values()).Resize).toEqual(["size", 512, 96, "cut", true, "nearest"]);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    expect((await values()).Resize).toEqual(["size", 512, 96, "keep", "nearest"]);
    await editor.add("The Gather", 760, 200);
    await editor.connect("The Resize", 0, "The Gather", "images.image0");
    await editor.connect("The Resize", 0, "The Gather", "images.image1");
    expect(await editor.node("The Gather").locator(".slot[data-handleid^='in:']").count()).toBe(3);
    expect((await editor.size()).links).toBe(2);
    await editor.add("The Curve", 300, 560);
    await editor.node("The Curve").getByRole("button", { name: /^curve: 2 points/ }).click();
    await page.getByRole("button", { name: "Add a point" }).click();
    const point = page.getByRole("slider", { name: "Point 2" });
    await point.focus();
    await point.press("Shift+ArrowUp");
    await editor.drag(page.getByRole("slider", { name: "Point 3" }), page.locator(".curve"));
    await page.keyboard.press("Escape");
    const [curve] = (await values()).Curve as [{ points: number[][] }];
    expect(curve.points).toHaveLength(3);
    expect(curve.points[1]).toEqual([0.5, 0.6]);
    expect(curve.points[2]![1]).toBeCloseTo(0.5, 1);
    // What few need is out of sight until it is asked for.
    await editor.add("Rarely", 1100, 560);
    const rarely = editor.node("Rarely");
    expect(await rarely.getByRole("spinbutton").count()).toBe(1);
    await rarely.getByRole("button", { name: "Show 1 more" }).click();
    await rarely.getByRole("spinbutton", { name: "grain" }).waitFor();
    await rarely.getByRole("button", { name: "Show fewer" }).click();
    expect(await rarely.getByRole("spinbutton").count()).toBe(1);
    expect((await values()).Rare).toEqual([1, 0.5]);
  });
});
