//! What one does with the editor all day, each on its own.

import { describe, expect } from "vitest";
import { it, PNG } from "./fixture";

describe("running", () => {
  it("again on every change, while that is wanted", async ({ editor, server }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const before = await server.jobs();
    await page.getByRole("button", { name: "How to run" }).click();
    await page.getByRole("menuitemcheckbox", { name: "Run on every change" }).click();
    await expect.poll(() => server.jobs()).toBe(before + 1);
    await editor.idle();
    await editor.type("Sample", "steps", 2);
    await expect.poll(() => server.jobs()).toBe(before + 2);
    await editor.idle();
    await page.getByRole("button", { name: "How to run" }).click();
    await page.getByRole("menuitemcheckbox", { name: "Run when asked" }).click();
    await editor.type("Sample", "steps", 3);
    // Had the change started a job, there would be two.
    await page.keyboard.press("Control+Enter");
    await editor.picture().waitFor();
    await editor.idle();
    expect(await server.jobs()).toBe(before + 3);
  });

  it("again and again, until that is no longer wanted", async ({ editor, server }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await editor.node("Sample").getByRole("button", { name: /^seed after each run/ }).click();
    await page.getByRole("menuitemcheckbox", { name: "Draw a new one" }).click();
    const before = await server.jobs();
    await page.getByRole("button", { name: "How to run" }).click();
    await page.getByRole("menuitemcheckbox", { name: "Run again and again" }).click();
    await expect.poll(() => server.jobs(), { timeout: 40_000 }).toBeGreaterThanOrEqual(before + 3);
    await page.getByRole("button", { name: "How to run" }).click();
    await page.getByRole("menuitemcheckbox", { name: "Run when asked" }).click();
    await editor.idle();
    const after = await server.jobs();
    // One more that is asked for, and it alone.
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => server.jobs()).toBe(after + 1);
    await editor.idle();
    expect(await server.jobs()).toBe(after + 1);
  });

  it("as often as asked, in front of what waits, and empties the queue", async ({ editor, server }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const before = await server.jobs();
    await page.getByLabel("How many times").fill("3");
    await editor.type("Sample", "steps", 10_000);
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => server.jobs()).toBe(before + 3);
    await page.getByLabel("How many times").fill("1");
    await page.getByLabel("How many times").press("Control+Shift+Enter");
    await expect.poll(() => server.jobs()).toBe(before + 4);
    const queue = (await (await fetch(`${server.url}api/queue`)).json()) as { queue_pending: [number, string][] };
    const numbers = queue.queue_pending.map((it) => it[0]);
    expect(Math.min(...numbers)).toBeLessThan(0);
    await page.getByRole("button", { name: /^Queue/ }).click();
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Empty the queue" }).click();
    await expect.poll(() => page.locator(".queue-button").innerText()).toBe("1");
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await editor.idle();
  });

  it("only what the selected node needs", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await editor.pick("Save");
    await page.keyboard.press("Control+d");
    expect(await editor.node("Save").count()).toBe(2);
    const [first, second] = [editor.node("Save").first(), editor.node("Save").last()];
    await page.keyboard.press("Alt+l");
    await page.keyboard.press(".");
    await page.keyboard.press("Control+Alt+r");
    await second.locator(".preview img").waitFor();
    await editor.idle();
    expect(await first.locator(".preview img").count()).toBe(0);
  });

  it("passes through a bypassed node, and leaves a muted one out", async ({ editor, server }) => {
    const { page } = editor;
    await editor.example("Upscale");
    const save = page.locator('.node[data-class="SaveImage"] .preview img');
    const enlarge = page.locator('.node[data-class="ImageUpscaleWithModel"]');
    await enlarge.locator(".node-title").click();
    await page.keyboard.press("Control+b");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => save.evaluate((it) => (it as HTMLImageElement).naturalWidth)).toBe(64);
    await editor.idle();
    const before = await server.jobs();
    await page.locator('.node[data-class="SaveImage"] .node-title').click();
    await page.keyboard.press("Control+m");
    await page.keyboard.press("Control+Enter");
    await page.locator(".notice").first().waitFor();
    expect(await server.jobs()).toBe(before);
  });
});

describe("nodes", () => {
  it("are coloured, pinned, aligned, and kept to the grid", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await editor.node("Sample").locator(".node-title").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Colour" }).hover();
    await page.getByRole("menuitem", { name: "Blue", exact: true }).click();
    expect(await editor.node("Sample").locator(".node").getAttribute("data-coloured")).not.toBeNull();
    await editor.also("Save");
    await editor.node("Save").locator(".node-title").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Align" }).hover();
    await page.getByRole("menuitem", { name: "Align top" }).click();
    expect(Math.abs((await editor.box("Sample")).y - (await editor.box("Save")).y)).toBeLessThan(1);
    await page.keyboard.press("Control+z");
    // Pinned, it stays where it is.
    await editor.pick("Sample");
    await page.keyboard.press("p");
    const before = await editor.box("Sample");
    const apart = before.x - (await editor.box("Decode")).x;
    await editor.drag([before.x + 60, before.y + 8], [before.x + 160, before.y + 88]);
    expect((await editor.box("Sample")).x - (await editor.box("Decode")).x).toBeCloseTo(apart, 0);
    await page.keyboard.press("Delete");
    expect(await editor.node("Sample").count()).toBe(1);
    await editor.setting("Snap to the grid", true);
    const free = await editor.box("Save");
    await editor.drag([free.x + 60, free.y + 8], [free.x + 97, free.y + 49]);
    const pos = await page.evaluate(() => {
      const { nodes } = (globalThis as unknown as { burnish: { layer(): { nodes: Map<string, { type: string; pos: number[] }> } } }).burnish.layer();
      return [...nodes.values()].find((it) => it.type === "SaveImage")!.pos;
    });
    expect(Math.abs(pos[0]! % 8)).toBe(0);
  });

  it("take links from a menu: a graph is built and run without a mouse", async ({ editor }) => {
    const { page } = editor;
    const add = async (query: string) => {
      await page.keyboard.press("Shift+a");
      await page.getByLabel("Search for a node").fill(query);
      await page.keyboard.press("Enter");
      await page.locator(".add").waitFor({ state: "detached" });
    };
    /** The last added node is the selected one. */
    const connect = async (socket: string, other: RegExp) => {
      await page.keyboard.press("l");
      const row = page.getByRole("menuitem", { name: socket, exact: true });
      await row.focus();
      await page.keyboard.press("ArrowRight");
      await page.getByRole("menuitem", { name: other }).press("Enter");
    };
    await add("DiffusersLoader");
    await add("EmptyLatentImage");
    await page.locator('.node[data-class="EmptyLatentImage"]').getByRole("spinbutton", { name: "width" }).focus();
    await page.keyboard.type("64");
    await page.keyboard.press("Enter");
    await page.locator('.node[data-class="EmptyLatentImage"]').getByRole("spinbutton", { name: "height" }).focus();
    await page.keyboard.type("64");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await add("CLIPTextEncode");
    await connect("clip from", /: CLIP$/);
    await add("KSampler");
    await connect("model from", /: MODEL$/);
    await connect("positive from", /: CONDITIONING$/);
    await connect("negative from", /: CONDITIONING$/);
    await connect("latent_image from", /^Empty Latent Image: LATENT$/);
    await add("VAEDecode");
    await connect("samples from", /^KSampler: LATENT$/);
    await connect("vae from", /: VAE$/);
    await add("SaveImage");
    await connect("images from", /: IMAGE$/);
    expect(await editor.size()).toEqual({ nodes: 6, links: 8 });
    await page.keyboard.press("Alt+l");
    await page.keyboard.press(".");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => page.locator('.node[data-class="SaveImage"] .preview img').evaluate((it) => (it as HTMLImageElement).naturalWidth)).toBe(64);
  });

  it("feed any widget of another", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await page.keyboard.press(".");
    await editor.drag(editor.slot("Sample", "in", "steps"), [400, 840]);
    await page.getByLabel("Search for a node").fill("primitive");
    await page.locator(".add-list > div", { hasText: /^Primitive/ }).last().click();
    expect(await editor.node("Sample").getByRole("spinbutton", { name: "steps" }).getAttribute("aria-disabled")).toBe("true");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.picture().count()).toBe(1);
  });

  it("of text show it as it is meant, and no more than that", async ({ editor }) => {
    const { page } = editor;
    await page.mouse.click(700, 400, { button: "right" });
    await page.getByRole("menuitem", { name: "Add", exact: true }).hover();
    await page.getByRole("menuitem", { name: "Note", exact: true }).click();
    const note = page.locator('.node[data-class="MarkdownNote"]');
    await note.getByRole("textbox").click();
    await page.keyboard.insertText("# Models\n- **one** at [home](https://example.com/a)\n- `two`\n\n<img src=x onerror=alert(1)> [bad](javascript:alert(1))");
    await page.keyboard.press("Escape");
    await note.locator("b", { hasText: "one" }).waitFor();
    expect(await note.locator(".md-head").innerText()).toBe("Models");
    expect(await note.locator("li").count()).toBe(2);
    expect(await note.locator("a").evaluateAll((all) => all.map((it) => it.getAttribute("href")))).toEqual(["https://example.com/a"]);
    expect(await note.locator("img").count()).toBe(0);
    // It is edited as it was written.
    await note.getByRole("textbox").press("Enter");
    expect(await note.getByRole("textbox").inputValue()).toContain("- **one** at [home]");
  });

  it("bend their links at points that are added, moved and removed", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const link = page.locator(".react-flow__edge").last();
    await link.locator(".react-flow__edge-interaction").dispatchEvent("click", { altKey: true, bubbles: true, clientX: 700, clientY: 450 });
    const point = page.locator(".react-flow__node-point");
    await point.waitFor();
    const before = (await point.boundingBox())!;
    await editor.drag(point, [before.x + 60, before.y + 60]);
    expect((await point.boundingBox())!.x - before.x).toBeGreaterThan(30);
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.picture().count()).toBe(1);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    expect(await point.count()).toBe(0);
    const at = await link.locator(".react-flow__edge-interaction").evaluate((path: SVGPathElement) => {
      const middle = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM()!);
      return { x: middle.x, y: middle.y };
    });
    await page.mouse.click(at.x, at.y, { button: "middle" });
    expect(await point.count()).toBe(1);
  });
});

describe("pictures", () => {
  it("are pasted into a node that loads them, and get a mask", async ({ editor, server }) => {
    const { page } = editor;
    await page.mouse.move(700, 400);
    await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (it) => it.charCodeAt(0));
      await navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })]);
    }, PNG.toString("base64"));
    await page.keyboard.press("Control+v");
    const node = page.locator('.node[data-class="LoadImage"]');
    await node.locator(".preview img").waitFor();
    await node.locator(".node-title").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Edit the mask" }).click();
    const sheet = page.getByRole("img", { name: "Mask", exact: true });
    await sheet.waitFor();
    const cover = () => sheet.evaluate((it) => [...(it as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, 2, 2).data].filter((_, i) => i % 4 === 3));
    await expect.poll(cover).toEqual([0, 0, 0, 0]);
    await page.getByRole("button", { name: "Invert" }).click();
    expect(await cover()).toEqual([255, 255, 255, 255]);
    await page.getByRole("button", { name: "Undo", exact: true }).last().click();
    expect(await cover()).toEqual([0, 0, 0, 0]);
    await page.getByLabel("Softness").fill("0");
    const at = (await sheet.boundingBox())!;
    await page.mouse.click(at.x + at.width / 4, at.y + at.height / 4);
    expect((await cover())[0]).toBeGreaterThan(100);
    await page.getByRole("button", { name: "Save the mask" }).click();
    await sheet.waitFor({ state: "detached" });
    const name = await node.getByRole("combobox", { name: /^image: clipspace\/clipspace-mask-\d+\.png \[input\]$/ }).getAttribute("aria-label");
    const file = /clipspace-mask-\d+\.png/.exec(name!)![0];
    const kept = await fetch(`${server.url}api/view?filename=${file}&subfolder=clipspace&type=input`);
    expect(kept.status).toBe(200);
    // Opened again, it goes on with what was painted.
    await node.locator(".node-title").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Edit the mask" }).click();
    await expect.poll(async () => (await cover())[0]).toBeGreaterThan(100);
    await page.keyboard.press("Escape");
    // And it runs: the mask becomes a picture.
    await editor.drag(page.locator('.node[data-class="LoadImage"]').locator('xpath=..').locator('.slot[data-handleid="out:1"]'), [1000, 300]);
    await page.getByLabel("Search for a node").fill("Convert Mask to Image");
    await page.keyboard.press("Enter");
    await editor.drag(page.locator('.node[data-class="MaskToImage"]').locator('xpath=..').locator('.slot[data-handleid="out:0"]'), [1000, 600]);
    await page.getByLabel("Search for a node").fill("PreviewImage");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => page.locator('.node[data-class="PreviewImage"] .preview img').evaluate((it) => (it as HTMLImageElement).naturalWidth)).toBe(2);
  });

  it("are looked at large and compared", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Batch");
    await page.keyboard.press("Control+Enter");
    await editor.picture().waitFor();
    await editor.node("Save").getByRole("button", { name: "View", exact: true }).click();
    const viewer = page.locator("dialog.viewer");
    await viewer.getByText("1 of 4").waitFor();
    await page.keyboard.press("ArrowRight");
    await viewer.getByText("2 of 4").waitFor();
    await viewer.getByRole("button", { name: "Compare" }).click();
    expect(await viewer.locator("img").count()).toBe(2);
    const stage = (await viewer.locator(".viewer-stage").boundingBox())!;
    await page.mouse.move(stage.x + stage.width / 2, stage.y + 200);
    await page.mouse.down();
    await page.mouse.move(stage.x + stage.width / 4, stage.y + 200, { steps: 3 });
    await page.mouse.up();
    expect(await viewer.locator(".viewer-over").evaluate((it) => (it as HTMLElement).style.clipPath)).toMatch(/25(\.\d+)?%/);
    await page.keyboard.press("Escape");
    await viewer.waitFor({ state: "detached" });
  });
});

it("results are listed, looked at, and give their workflow", async ({ editor }) => {
  const { page } = editor;
  await page.keyboard.press("a");
  const panel = page.getByRole("region", { name: "Results" });
  await panel.waitFor();
  await editor.example("Prompt weighting");
  const size = await editor.size();
  await page.keyboard.press("a");
  const before = await panel.locator("li > button:first-child img").count();
  await page.keyboard.press("Control+Enter");
  await editor.picture().waitFor();
  // What was made since stands first.
  await expect.poll(() => panel.locator("li > button:first-child img").count()).toBeGreaterThan(before);
  await panel.locator("li > button").first().click();
  await page.locator("dialog.viewer").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "New workflow" }).click();
  await panel.getByRole("button", { name: /^Open the workflow of prompt-weighting/ }).first().click();
  await expect.poll(() => editor.size()).toEqual(size);
});

describe("the editor", () => {
  it("takes other keys for its commands, and keeps them", async ({ editor }) => {
    const { page } = editor;
    await page.keyboard.press("Control+Shift+k");
    await page.getByLabel("Search keys").fill("Map");
    await page.getByRole("button", { name: /^Keys of Map:/ }).click();
    await page.keyboard.press("Alt+j");
    await page.getByRole("button", { name: "Keys of Map: Alt+J" }).waitFor();
    await page.keyboard.press("Escape");
    await page.reload();
    await editor.ready();
    await editor.example("Text to image");
    const map = page.locator(".minimap, [class*=minimap]").first();
    const shown = await map.isVisible();
    await page.keyboard.press("Alt+j");
    await expect.poll(() => map.isVisible()).toBe(!shown);
  });

  it("wears dark and light, as it is told", async ({ editor }) => {
    await editor.setting("Theme", "light");
    expect(await editor.page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
    await editor.setting("Theme", "dark");
    expect(await editor.page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
  });

  it("brings all tabs back, what was not saved too", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Batch");
    await editor.example("Inpaint");
    const names = await page.locator(".tab-name").allInnerTexts();
    await editor.kept((text) => names.every((name) => text.includes(JSON.stringify(name))));
    await page.reload();
    await editor.ready();
    expect(await page.locator(".tab-name").allInnerTexts()).toEqual(names);
    expect(await page.locator(".tab-name[aria-current]").innerText()).toBe("Inpaint");
  });

  it("opens a workflow that is pasted as text, and says which of its files are missing", async ({ editor }) => {
    const { page } = editor;
    await page.mouse.move(700, 400);
    await page.evaluate(() => navigator.clipboard.writeText('{"1":{"class_type":"UpscaleModelLoader","inputs":{"model_name":"nowhere.safetensors"}}}'));
    await page.keyboard.press("Control+v");
    await expect.poll(async () => (await editor.size()).nodes).toBe(1);
    await page.keyboard.press("e");
    const panel = page.getByRole("region", { name: "Errors" });
    await panel.getByText("nowhere.safetensors").waitFor();
    await panel.getByRole("button", { name: "Use another" }).click();
    await page.getByRole("menuitem", { name: "realesr-animevideov3-x4.safetensors" }).click();
    await panel.getByText("Nothing is wrong.").waitFor();
  });

  it("zooms, moves and shows all", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const zoom = async () => Number(/\d+/.exec(await page.locator(".zoom").innerText())![0]);
    const before = await zoom();
    await page.mouse.move(700, 820);
    await page.mouse.wheel(0, 300);
    await expect.poll(zoom).toBeLessThan(before);
    await page.keyboard.press("Alt+=");
    await page.keyboard.press(".");
    await expect.poll(zoom).toBe(before);
    const place = await editor.box("Sample");
    await editor.drag([700, 840], [760, 800]);
    expect((await editor.box("Sample")).x - place.x).toBeGreaterThan(40);
  });

  it("moves and zooms under fingers", async ({ touched: editor }) => {
    await editor.example("Text to image");
    const { page } = editor;
    const session = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", points: [number, number][]) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
    const place = await editor.box("Sample");
    await touch("touchStart", [[700, 840]]);
    for (let i = 1; i <= 5; i++) await touch("touchMove", [[700 + i * 12, 840 - i * 6]]);
    await touch("touchEnd", []);
    await expect.poll(async () => (await editor.box("Sample")).x - place.x).toBeGreaterThan(30);
    const zoom = async () => Number(/\d+/.exec(await page.locator(".zoom").innerText())![0]);
    const wide = await zoom();
    await touch("touchStart", [[650, 800], [750, 800]]);
    for (let i = 1; i <= 5; i++) await touch("touchMove", [[650 - i * 15, 800], [750 + i * 15, 800]]);
    await touch("touchEnd", []);
    await expect.poll(zoom).toBeGreaterThan(wide * 1.2);
  });
});
