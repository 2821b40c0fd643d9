import { describe, expect } from "vitest";
import { it, PNG } from "./fixture";

describe("a graph", () => {
  it("is built by mouse and keyboard, runs, shows its picture on the node, and all of it is undone", async ({ editor }) => {
    const { page } = editor;
    await editor.add("DiffusersLoader", 120, 120);
    await editor.add("CLIPTextEncode", 420, 120);
    await editor.add("EmptyLatentImage", 120, 360);
    await editor.add("KSampler", 820, 120);
    await editor.add("VAEDecode", 820, 560);
    await editor.add("SaveImage", 1080, 560);
    const titles = await page.locator(".node-name").allInnerTexts();
    const [loader, encode, latent, sampler, decode, save] = titles as [string, string, string, string, string, string];
    expect(titles).toHaveLength(6);
    await editor.connect(loader, 1, encode, "clip");
    await editor.connect(loader, 0, sampler, "model");
    await editor.connect(encode, 0, sampler, "positive");
    await editor.connect(encode, 0, sampler, "negative");
    await editor.connect(latent, 0, sampler, "latent_image");
    await editor.connect(sampler, 0, decode, "samples");
    await editor.connect(loader, 2, decode, "vae");
    await editor.connect(decode, 0, save, "images");
    expect(await editor.size()).toEqual({ nodes: 6, links: 8 });
    // The text by mouse, numbers by keyboard.
    await editor.node(encode).getByRole("textbox").click();
    await page.keyboard.type("a red apple");
    await page.keyboard.press("Escape");
    for (const field of ["width", "height"]) {
      await editor.node(latent).getByRole("spinbutton", { name: field }).focus();
      await page.keyboard.type("64");
      await page.keyboard.press("Enter");
    }
    await editor.node(sampler).getByRole("spinbutton", { name: "steps" }).focus();
    await page.keyboard.type("2");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+Enter");
    await editor.node(save).locator(".preview img").waitFor();
    await expect.poll(() => editor.node(save).locator(".preview img").evaluate((it) => (it as HTMLImageElement).naturalWidth)).toBe(64);
    // Back to the empty canvas, and forth again.
    for (let i = 0; i < 40; i++) await page.keyboard.press("Control+z");
    expect(await editor.size()).toEqual({ nodes: 0, links: 0 });
    for (let i = 0; i < 40; i++) await page.keyboard.press("Control+y");
    expect(await editor.size()).toEqual({ nodes: 6, links: 8 });
    expect(await editor.node(encode).getByRole("textbox").innerText()).toBe("a red apple");
  });

  it("grows from a link that is let go over the empty canvas", async ({ editor }) => {
    const { page } = editor;
    await editor.add("KSampler", 300, 200);
    await editor.drag(editor.slot("KSampler", "out", "0"), [900, 260]);
    await page.getByLabel("Search for a node").waitFor();
    const found = await page.locator(".add-list > div span").allInnerTexts();
    expect(found).toContain("VAE Decode");
    expect(found).not.toContain("Load Image");
    await page.keyboard.type("vae decode");
    await page.keyboard.press("Enter");
    expect(await editor.size()).toEqual({ nodes: 2, links: 1 });
    await page.keyboard.press("Control+z");
    expect(await editor.size()).toEqual({ nodes: 1, links: 0 });
  });

  it("offers a menu of what fits where a link is let go with Shift, or always", async ({ editor }) => {
    const { page } = editor;
    await editor.add("KSampler", 300, 200);
    await editor.drag(editor.slot("KSampler", "out", "0"), [900, 260], false);
    await page.keyboard.down("Shift");
    await page.mouse.up();
    await page.keyboard.up("Shift");
    expect(await page.getByRole("menuitem", { name: "loaders", exact: true }).count()).toBe(0);
    await page.getByRole("menuitem", { name: "latent", exact: true }).hover();
    await page.getByRole("menuitem", { name: "VAE Decode", exact: true }).click();
    expect(await editor.size()).toEqual({ nodes: 2, links: 1 });
    await page.keyboard.press("Control+z");
    await editor.setting("A link that is let go over the empty canvas", "menu");
    await editor.drag(editor.slot("KSampler", "out", "0"), [900, 260]);
    await page.getByRole("menuitem", { name: "Search for a node…" }).click();
    await page.getByLabel("Search for a node").waitFor();
    await page.keyboard.type("vae decode");
    await page.keyboard.press("Enter");
    expect(await editor.size()).toEqual({ nodes: 2, links: 1 });
  });

  it("dims the sockets that a link does not fit, and takes none of them", async ({ editor }) => {
    await editor.example("Text to image");
    const before = await editor.size();
    await editor.drag(editor.slot("Load the demo model", "out", "1"), editor.slot("Sample", "in", "latent_image"), false);
    expect(await editor.slot("Sample", "in", "latent_image").getAttribute("data-dim")).not.toBeNull();
    expect(await editor.slot("Prompt", "in", "clip").getAttribute("data-dim")).toBeNull();
    await editor.page.mouse.up();
    expect(await editor.size()).toEqual(before);
    expect(await editor.page.locator("[data-dim]").count()).toBe(0);
  });

  it("lets links be dragged off their input, to another or away", async ({ editor }) => {
    await editor.example("Text to image");
    const { nodes, links } = await editor.size();
    await editor.drag(editor.slot("Sample", "in", "positive"), [700, 820]);
    expect(await editor.size()).toEqual({ nodes, links: links - 1 });
    await editor.page.keyboard.press("Control+z");
    expect(await editor.size()).toEqual({ nodes, links });
    // Dropped on the other input, it takes the place of what was there.
    await editor.drag(editor.slot("Sample", "in", "positive"), editor.slot("Sample", "in", "negative"));
    expect(await editor.size()).toEqual({ nodes, links: links - 1 });
    await editor.page.keyboard.press("Control+z");
    expect(await editor.size()).toEqual({ nodes, links });
  });

  it("is copied with its links, muted, bypassed, collapsed, renamed and deleted", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const { nodes, links } = await editor.size();
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Control+c");
    await page.mouse.move(700, 700);
    await page.keyboard.press("Control+v");
    expect(await editor.size()).toEqual({ nodes: nodes * 2, links: links * 2 });
    await page.keyboard.press("Delete");
    expect(await editor.size()).toEqual({ nodes, links });
    await editor.node("Decode").locator(".node-title").click();
    await page.keyboard.press("Control+b");
    expect(await editor.node("Decode").locator(".node").getAttribute("data-mode")).toBe("bypassed");
    await page.keyboard.press("Control+m");
    expect(await editor.node("Decode").locator(".node").getAttribute("data-mode")).toBe("muted");
    await page.keyboard.press("Control+m");
    await page.keyboard.press("Alt+c");
    await expect.poll(async () => Math.round((await editor.node("Decode").boundingBox())!.height)).toBeLessThan(40);
    await page.keyboard.press("F2");
    await page.keyboard.type("Make a picture");
    await page.keyboard.press("Enter");
    await editor.node("Make a picture").waitFor();
    await page.keyboard.press("Shift+Delete");
    expect((await editor.size()).nodes).toBe(nodes - 1);
  });

  it("moves as one step of undo, and by the arrow keys", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const place = async () => (await editor.node("Sample").boundingBox())!;
    const before = await place();
    await editor.drag([before.x + 60, before.y + 8], [before.x + 160, before.y + 88]);
    const after = await place();
    expect(after.x - before.x).toBeGreaterThan(80);
    await page.keyboard.press("Control+z");
    expect(Math.round((await place()).x)).toBe(Math.round(before.x));
    await editor.node("Sample").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await expect.poll(async () => (await place()).x).toBeGreaterThan(before.x);
  });
});

describe("widgets", () => {
  it("keep all 64 bits of a seed", async ({ editor, server }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const seed = editor.node("Sample").getByRole("spinbutton", { name: "seed" });
    await seed.click();
    await page.keyboard.type("18446744073709551615");
    await page.keyboard.press("Enter");
    expect(await seed.innerText()).toContain("18446744073709551615");
    await seed.focus();
    await page.keyboard.press("ArrowDown");
    expect(await seed.innerText()).toContain("18446744073709551614");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.width()).toBe(64);
    const history = await (await fetch(`${server.url}history?max_items=1`)).text();
    expect(history).toContain('"seed":18446744073709551614');
  });

  it("find a choice by its letters, weigh words, and change a seed after a run", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await editor.node("Sample").getByRole("combobox", { name: /^sampler_name/ }).click();
    await page.keyboard.type("dpmpp_2m_sde");
    await page.keyboard.press("Enter");
    expect(await editor.node("Sample").innerText()).toContain("dpmpp_2m_sde");
    await editor.node("Prompt").getByRole("textbox").click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Control+ArrowUp");
    expect(await editor.node("Prompt").getByRole("textbox").inputValue()).toContain("(red:1.05)");
    await page.keyboard.press("Control+ArrowDown");
    expect(await editor.node("Prompt").getByRole("textbox").inputValue()).toContain("a red apple");
    await page.keyboard.press("Escape");
    const seed = editor.node("Sample").getByRole("spinbutton", { name: "seed" });
    const before = await seed.innerText();
    await editor.node("Sample").getByRole("button", { name: /^seed after each run/ }).click();
    await page.getByRole("menuitemcheckbox", { name: "Draw a new one" }).click();
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => seed.innerText()).not.toBe(before);
  });
});

describe("files", () => {
  it("are saved on the server, found again after a reload, and come back from a picture", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Prompt weighting");
    const size = await editor.size();
    await page.keyboard.press("Control+s");
    await page.getByRole("textbox", { name: "Save the workflow as" }).fill("mine/weights");
    await page.keyboard.press("Enter");
    await page.getByText('Saved "mine/weights".').waitFor();
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.width()).toBe(64);
    const source = await editor.picture().getAttribute("src");
    await editor.kept((text) => text.includes('"file":"mine/weights.json"'));
    await page.reload();
    await editor.ready();
    expect(await page.locator(".tab-name[aria-current]").innerText()).toBe("mine/weights");
    expect(await editor.size()).toEqual(size);
    // The saved file opens.
    await page.getByRole("button", { name: "Close mine/weights" }).click();
    expect((await editor.size()).nodes).toBe(0);
    await page.keyboard.press("w");
    await page.locator(".node-entry", { hasText: "mine/weights" }).locator("button").first().click();
    await expect.poll(() => editor.size()).toEqual(size);
    // The picture holds its workflow.
    await page.getByRole("button", { name: "New workflow" }).click();
    const bytes = Buffer.from(await (await fetch(source!)).arrayBuffer());
    await editor.dropFile("result.png", "image/png", bytes);
    await expect.poll(() => editor.size()).toEqual(size);
  });

  it("of JSON open by being dropped, and a broken one says why", async ({ editor }) => {
    const { page } = editor;
    await editor.dropFile("api.json", "application/json", Buffer.from('{"1":{"class_type":"EmptyLatentImage","inputs":{"width":64,"height":64,"batch_size":1}},"2":{"class_type":"Nowhere","inputs":{"a":["1",0]}}}'));
    await expect.poll(() => editor.size()).toEqual({ nodes: 2, links: 1 });
    await page.getByText("not on this server: Nowhere").waitFor();
    expect(await editor.node("Nowhere").locator(".node").getAttribute("data-missing")).not.toBeNull();
    await editor.dropFile("broken.json", "application/json", Buffer.from('{"nodes":[{"id":1}]}'));
    await page.getByText("node `1` has no type").waitFor();
  });
});

describe("pictures", () => {

  it("that fall onto the canvas are uploaded and loaded by a node that shows them", async ({ editor }) => {
    await editor.dropFile("tiny.png", "image/png", PNG);
    const shows = editor.page.locator(".node .preview img");
    await shows.waitFor();
    await expect.poll(() => shows.evaluate((it) => (it as HTMLImageElement).naturalWidth)).toBe(2);
    expect(await editor.page.locator(".node").innerText()).toContain("tiny.png");
  });
});

it("nodes are also found by category, and dragged out of the library", async ({ editor }) => {
  const { page } = editor;
  await page.mouse.click(900, 500, { button: "right" });
  await page.getByRole("menuitem", { name: "Add from category" }).hover();
  await page.getByRole("menuitem", { name: "latent", exact: true }).hover();
  await page.getByRole("menuitem", { name: "Empty Latent Image" }).click();
  expect((await editor.size()).nodes).toBe(1);
  await page.keyboard.press("n");
  await page.getByLabel("Search nodes").fill("ksampler");
  await page.locator(".node-entry button").first().dragTo(page.locator(".canvas"), { targetPosition: { x: 300, y: 300 } });
  expect((await editor.size()).nodes).toBe(2);
});

it("a workflow is exported for the editor and for the API", async ({ editor }) => {
  const { page } = editor;
  await editor.example("Batch");
  const download = async (entry: string) => {
    await page.getByRole("button", { name: "Menu", exact: true }).click();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: entry, exact: true }).click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
    return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
  };
  expect(Object.keys(await download("Export for the API"))).toHaveLength((await editor.size()).nodes);
  const { nodes, links } = await editor.size();
  const old = await download("Export");
  expect(old.version).toBe(0.4);
  expect(old.nodes).toHaveLength(nodes);
  expect((old.links as unknown[][])[0]).toHaveLength(6);
  // Format 1.0 has links by name and counts what it gave out.
  const fresh = await download("Export in format 1.0");
  expect(fresh.version).toBe(1);
  expect(fresh.nodes).toHaveLength(nodes);
  expect(fresh.links).toHaveLength(links);
  expect((fresh.links as Record<string, unknown>[])[0]).toMatchObject({ origin_slot: expect.any(Number) as number, target_slot: expect.any(Number) as number });
  expect(fresh.state).toMatchObject({ lastNodeId: expect.any(Number) as number });
  await editor.dropFile("again.json", "application/json", Buffer.from(JSON.stringify(fresh)));
  await expect.poll(() => editor.size()).toEqual({ nodes, links });
});

describe("running", () => {
  it("marks what is wrong on the node and on its socket, and leads there", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await editor.drag(editor.slot("Sample", "in", "latent_image"), [700, 820]);
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.node("Sample").locator(".node").getAttribute("data-state")).toBe("failed");
    expect(await editor.slot("Sample", "in", "latent_image").getAttribute("data-bad")).not.toBeNull();
    const panel = page.getByRole("region", { name: "Errors" });
    await panel.getByText("latent_image").first().waitFor();
    await panel.getByRole("button", { name: /^Sample/ }).click();
    await expect.poll(() => editor.node("Sample").locator(".node").getAttribute("data-selected")).not.toBeNull();
    // Mended, it runs.
    await page.keyboard.press("Control+z");
    await page.getByRole("button", { name: "Close the panel" }).click();
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.width()).toBe(64);
    expect(await editor.node("Sample").locator(".node").getAttribute("data-state")).toBe("done");
  });

  it("is interrupted, and what waits is cancelled", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const steps = editor.node("Sample").getByRole("spinbutton", { name: "steps" });
    await steps.click();
    await page.keyboard.type("10000");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+Enter");
    await editor.node("Sample").getByRole("progressbar").waitFor();
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => page.locator(".queue-button").innerText()).toBe("2");
    await page.keyboard.press("q");
    await page.locator('.job[data-status="pending"]').getByRole("button", { name: /^More about/ }).click();
    await page.getByRole("menuitem", { name: "Cancel" }).click();
    await expect.poll(() => page.locator(".queue-button").innerText()).toBe("1");
    await page.keyboard.press("Control+Alt+Enter");
    await expect.poll(() => page.locator(".queue-button").innerText(), { timeout: 20_000 }).toBe("0");
    expect(await editor.node("Sample").locator(".node").getAttribute("data-state")).not.toBe("running");
  });

  it("goes on after the server was gone: tabs and history are still there", async ({ editor, server }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.width()).toBe(64);
    await page.keyboard.press("q");
    await expect.poll(() => page.locator('.job[data-status="completed"]').count()).toBeGreaterThan(0);
    const before = await page.locator('.job[data-status="completed"]').count();
    const size = await editor.size();
    await server.pause();
    await page.getByText("reconnecting").waitFor();
    expect(await page.locator(".run").isDisabled()).toBe(true);
    await server.resume();
    await editor.ready();
    expect(await page.getByText("reconnecting").count()).toBe(0);
    expect(await editor.size()).toEqual(size);
    await expect.poll(() => page.locator('.job[data-status="completed"]').count()).toBe(before);
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => page.locator('.job[data-status="completed"]').count(), { timeout: 20_000 }).toBe(before + 1);
  });
});

describe("structure", () => {
  it("nodes become a subgraph, which runs, is entered and left, and is unpacked", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    const size = await editor.size();
    await editor.node("Sample").locator(".node-title").click();
    await editor.node("Decode").locator(".node-title").click({ modifiers: ["Control"] });
    await page.keyboard.press("Control+Shift+e");
    await page.getByRole("textbox", { name: "Name of the subgraph" }).fill("Draw");
    await page.keyboard.press("Enter");
    await editor.node("Draw").waitFor();
    expect((await editor.size()).nodes).toBe(size.nodes - 1);
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => editor.width()).toBe(64);
    await editor.node("Draw").getByRole("button", { name: "Open subgraph" }).click();
    await page.getByRole("navigation", { name: "Subgraphs" }).waitFor();
    expect((await editor.size()).nodes).toBe(2);
    await page.keyboard.press("Escape");
    await editor.node("Draw").locator(".node-title").click();
    await page.keyboard.press("Control+Shift+u");
    expect(await editor.size()).toEqual(size);
  });

  it("groups take their nodes along", async ({ editor }) => {
    const { page } = editor;
    await editor.example("Text to image");
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Control+g");
    const title = page.locator(".group-title");
    await title.waitFor();
    await page.keyboard.press(".");
    await page.mouse.click(720, 880);
    const before = (await editor.node("Sample").boundingBox())!;
    const box = (await title.boundingBox())!;
    await editor.drag([box.x + 200, box.y + box.height / 2], [box.x + 260, box.y + box.height / 2 + 40]);
    const after = (await editor.node("Sample").boundingBox())!;
    expect(after.x - before.x).toBeGreaterThan(40);
  });
});
