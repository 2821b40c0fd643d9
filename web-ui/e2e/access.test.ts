//! The editor for everybody: without a mouse, under fingers, without motion, read aloud.

import { AxeBuilder } from "@axe-core/playwright";
import { describe, expect } from "vitest";
import { it, PNG } from "./fixture";
import type { Editor } from "./stage";

/** What axe finds that keeps people out. */
async function serious(editor: Editor, where: string): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page: editor.page }).analyze();
  const bad = violations.filter((it) => it.impact === "serious" || it.impact === "critical");
  return bad.map((it) => `${where} ${it.id}: ${it.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 120)} (${node.any[0]?.message ?? ""})`).join(" | ")}`);
}

/** Shows a part of the editor, and how to leave it. */
const PARTS: readonly (readonly [string, (editor: Editor) => Promise<void>, string | null])[] = [
  ["nodes", ({ page }) => page.keyboard.press("n"), "n"],
  ["models", ({ page }) => page.keyboard.press("m"), "m"],
  ["results", ({ page }) => page.keyboard.press("a"), "a"],
  ["examples", ({ page }) => page.keyboard.press("t"), "t"],
  ["workflows", ({ page }) => page.keyboard.press("w"), "w"],
  ["queue", ({ page }) => page.keyboard.press("q"), "q"],
  ["errors", ({ page }) => page.keyboard.press("e"), "e"],
  ["node", async (editor) => (await editor.pick("Sample"), editor.page.keyboard.press("i")), "i"],
  ["logs", ({ page }) => page.keyboard.press("Control+`"), "Control+`"],
  ["settings", ({ page }) => page.keyboard.press("Control+,"), "Escape"],
  ["keys", ({ page }) => page.keyboard.press("Control+Shift+k"), "Escape"],
  ["search", ({ page }) => page.keyboard.press("Shift+a"), "Escape"],
  ["menu", (editor) => editor.node("Sample").locator(".node-title").click({ button: "right" }), "Escape"],
  ["question", ({ page }) => page.keyboard.press("Control+s"), "Escape"],
];

describe.each(["dark", "light"] as const)("axe finds nothing serious in the %s", (scheme) => {
  it("panels and dialogs", { timeout: 180_000 }, async ({ editor }) => {
    const { page } = editor;
    await page.emulateMedia({ colorScheme: scheme });
    await editor.example("Text to image");
    expect(await serious(editor, "canvas")).toEqual([]);
    for (const [name, open, close] of PARTS) {
      await open(editor);
      expect(await serious(editor, name)).toEqual([]);
      if (close) await page.keyboard.press(close);
    }
  });

  it("the viewer, the mask, and what went wrong", { timeout: 180_000 }, async ({ editor }) => {
    const { page } = editor;
    await page.emulateMedia({ colorScheme: scheme });
    await editor.example("Batch");
    await page.keyboard.press("Control+Enter");
    await editor.picture().waitFor();
    await editor.node("Save").getByRole("button", { name: "View", exact: true }).click();
    await page.locator("dialog.viewer").getByText("1 of 4").waitFor();
    expect(await serious(editor, "viewer")).toEqual([]);
    await page.getByRole("button", { name: "Compare" }).click();
    expect(await serious(editor, "comparison")).toEqual([]);
    await page.keyboard.press("Escape");
    await editor.drag(editor.slot("Sample", "in", "latent_image"), [700, 820]);
    await page.keyboard.press("Control+Enter");
    await page.getByRole("region", { name: "Errors" }).getByText("latent_image").first().waitFor();
    expect(await serious(editor, "errors")).toEqual([]);
    await page.getByRole("button", { name: "New workflow" }).click();
    await editor.dropFile("tiny.png", "image/png", PNG);
    await page.locator('.node[data-class="LoadImage"] .preview img').waitFor();
    await page.locator('.node[data-class="LoadImage"] .node-title').click({ button: "right" });
    await page.getByRole("menuitem", { name: "Edit the mask" }).click();
    await page.getByRole("img", { name: "Mask", exact: true }).waitFor();
    expect(await serious(editor, "mask")).toEqual([]);
  });
});

it("nothing moves for those who ask for less motion, or switch it off", async ({ editor }) => {
  const { page } = editor;
  await editor.example("Text to image");
  /** What is animated or fades, now that a job runs and dialogs are open. */
  const moving = () =>
    page.evaluate(() => {
      const found = [...document.querySelectorAll("*")].filter((it) => {
        const style = getComputedStyle(it);
        return style.animationName !== "none" || style.transitionDuration.split(", ").some((time) => parseFloat(time) > 0);
      });
      return [...new Set(found.map((it) => `${it.tagName} ${it.className}`))];
    });
  await editor.type("Sample", "steps", 10_000);
  await page.keyboard.press("Control+Enter");
  await editor.node("Sample").getByRole("progressbar").waitFor();
  await page.keyboard.press("n");
  // The browser of these tests asks for less motion.
  expect(await moving()).toEqual([]);
  await page.emulateMedia({ reducedMotion: "no-preference" });
  expect((await moving()).length).toBeGreaterThan(0);
  await editor.setting("Motion", false);
  expect(await moving()).toEqual([]);
  await page.keyboard.press("Control+Alt+Enter");
  await editor.idle();
});

it("the menus come when a finger stays, and stay away when it moves", async ({ touched: editor }) => {
  const { page } = editor;
  await editor.example("Text to image");
  const session = await page.context().newCDPSession(page);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", points: [number, number][]) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const title = (await editor.node("Sample").locator(".node-title").boundingBox())!;
  const at: [number, number] = [title.x + title.width / 2, title.y + title.height / 2];
  const bypass = page.getByRole("menuitem", { name: /^Bypass/ });
  await touch("touchStart", [at]);
  await bypass.waitFor();
  await touch("touchEnd", []);
  // Letting go does not take the menu away again.
  await bypass.click();
  expect(await editor.node("Sample").locator(".node").getAttribute("data-mode")).toBe("bypassed");
  await touch("touchStart", [[700, 840]]);
  await page.getByRole("menuitem", { name: "Add from category" }).waitFor();
  await touch("touchEnd", []);
  await page.keyboard.press("Escape");
  expect(await page.getByRole("menu").count()).toBe(0);
});
