//! A server of its own and a browser, for tests and measurements.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { chromium, type Browser, type Locator, type Page } from "playwright-core";

const here = new URL("..", import.meta.url).pathname;

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

/** A `burnish serve` with directories of its own, which outlive a restart. */
export class Server {
  private child: ChildProcess | null = null;
  private said = "";

  private constructor(
    readonly port: number,
    private readonly directory: string,
  ) {}

  static async start(): Promise<Server> {
    const server = new Server(await freePort(), mkdtempSync(join(tmpdir(), "burnish-e2e-")));
    await server.resume();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async resume(): Promise<void> {
    const binary = process.env.BURNISH;
    if (!binary) throw new Error("say which server to test: BURNISH=path/to/burnish");
    const models = join(here, "../workflows/models");
    this.child = spawn(binary, ["serve", "--port", String(this.port), "--base-directory", this.directory, "--models", models, "--front-end-root", join(here, "dist")], { stdio: "pipe" });
    const keep = (data: Buffer) => (this.said += data.toString());
    this.child.stdout?.on("data", keep);
    this.child.stderr?.on("data", keep);
    for (let i = 0; i < 300; i++) {
      try {
        if ((await fetch(`${this.url}api/prompt`)).ok) return;
      } catch {
        // Not there yet.
      }
      if (this.child.exitCode !== null) break;
      await new Promise((then) => setTimeout(then, 100));
    }
    throw new Error(`the server did not come up:\n${this.said}`);
  }

  /** How many jobs there ever were. */
  async jobs(): Promise<number> {
    return ((await (await fetch(`${this.url}api/jobs?limit=100`)).json()) as { jobs: unknown[] }).jobs.length;
  }

  async pause(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((then) => child.once("exit", then));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await gone;
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    await this.pause();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function launch(): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
}

/** The editor in a page, spoken of as a user sees it. */
export class Editor {
  /** What the page complained of. */
  readonly complaints: string[] = [];

  constructor(readonly page: Page) {
    page.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    page.on("console", (message) => message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text()) && this.complaints.push(message.text()));
  }

  static async open(browser: Browser, server: Server, colorScheme: "dark" | "light" = "dark", hasTouch = false): Promise<Editor> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme, permissions: ["clipboard-read", "clipboard-write"], reducedMotion: "reduce", hasTouch });
    const editor = new Editor(await context.newPage());
    await editor.page.goto(server.url);
    await editor.ready();
    return editor;
  }

  async ready(): Promise<void> {
    await this.page.locator(".run:not(:disabled)").waitFor();
  }

  /** Waits until what is kept of the session says something. */
  async kept(says: (text: string) => boolean): Promise<void> {
    const read = () =>
      this.page.evaluate(
        () =>
          new Promise<string>((resolve, reject) => {
            const open = indexedDB.open("burnish", 1);
            open.onerror = () => reject(new Error("no database"));
            open.onsuccess = () => {
              const get = open.result.transaction("session").objectStore("session").get("tabs");
              get.onsuccess = () => resolve(String(get.result));
              get.onerror = () => reject(new Error("no session"));
              open.result.close();
            };
          }),
      );
    await expect.poll(async () => says(await read())).toBe(true);
  }

  node(title: string): Locator {
    return this.page.locator(".react-flow__node-node", { has: this.page.locator(`.node-name:text-is("${title}")`) });
  }

  /** The picture that a node shows. */
  picture(title = "Save"): Locator {
    return this.node(title).locator(".preview img");
  }

  /** How wide that picture really is. */
  width(title = "Save"): Promise<number> {
    return this.picture(title).evaluate((it) => (it as HTMLImageElement).naturalWidth);
  }

  async box(title: string): Promise<{ x: number; y: number; width: number; height: number }> {
    const box = await this.node(title).boundingBox();
    if (!box) throw new Error(`there is no node "${title}"`);
    return box;
  }

  pick(title: string): Promise<void> {
    return this.node(title).locator(".node-title").click();
  }

  /** Selects one more node. */
  also(title: string): Promise<void> {
    return this.node(title).locator(".node-title").click({ modifiers: ["Control"] });
  }

  /** Chooses from the menu of a node, an entry of an inner menu after those that open it. */
  async choose(title: string, ...entries: string[]): Promise<void> {
    await this.node(title).locator(".node-title").click({ button: "right" });
    for (const entry of entries.slice(0, -1)) await this.page.getByRole("menuitem", { name: entry, exact: true }).hover();
    await this.page.getByRole("menuitem", { name: entries.at(-1)!, exact: true }).click();
  }

  /** Waits until nothing runs or waits. */
  idle(): Promise<void> {
    return expect.poll(() => this.page.locator(".queue-button").innerText()).toBe("0");
  }

  async setting(label: string, value: string | boolean): Promise<void> {
    const { page } = this;
    await page.keyboard.press("Control+,");
    const field = page.locator("dialog .setting", { hasText: label });
    if (typeof value === "string") await field.locator("select").selectOption(value);
    else await field.locator("input").setChecked(value);
    await page.locator("dialog").getByRole("button", { name: "Close" }).click();
  }

  /** Types a number into a node. */
  async type(title: string, field: string, value: number | string): Promise<void> {
    await this.node(title).getByRole("spinbutton", { name: field }).focus();
    await this.page.keyboard.type(String(value));
    await this.page.keyboard.press("Enter");
  }

  slot(title: string, side: "in" | "out", name: string): Locator {
    return this.node(title).locator(`.slot[data-handleid="${side}:${name}"]`);
  }

  /** Double-clicks the empty canvas, types, and takes what is found first. */
  async add(query: string, x: number, y: number): Promise<void> {
    await this.page.mouse.dblclick(x, y);
    await this.page.getByLabel("Search for a node").fill(query);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".add").waitFor({ state: "detached" });
  }

  async drag(from: Locator | [number, number], to: Locator | [number, number], drop = true): Promise<void> {
    const [fx, fy] = await middle(from);
    const [tx, ty] = await middle(to);
    await this.page.mouse.move(fx, fy);
    await this.page.mouse.down();
    await this.page.mouse.move((fx + tx) / 2, (fy + ty) / 2, { steps: 4 });
    await this.page.mouse.move(tx, ty, { steps: 4 });
    if (drop) await this.page.mouse.up();
  }

  connect(from: string, output: number, to: string, input: string): Promise<void> {
    return this.drag(this.slot(from, "out", String(output)), this.slot(to, "in", input));
  }

  /** Waits until the view has come to rest. */
  async still(): Promise<void> {
    await this.page.evaluate(async () => {
      const view = () => document.querySelector<HTMLElement>(".react-flow__viewport")?.style.transform ?? "";
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      for (let [before, same] = ["", 0]; same < 4; await frame()) {
        same = view() === before ? same + 1 : 0;
        before = view();
      }
    });
  }

  async example(title: string): Promise<void> {
    await this.page.getByRole("button", { name: "Examples", exact: true }).click();
    await this.page.locator(".templates button", { hasText: title }).click();
    await this.page.getByRole("button", { name: "Examples", exact: true }).click();
    await this.page.locator(".templates").waitFor({ state: "detached" });
    await this.page.locator(".react-flow__node-node").first().waitFor();
    // The canvas hears of the room that the panel left with the next frame; shown before, it would be shown too small.
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await this.page.keyboard.press(".");
    await this.still();
  }

  /** How many nodes and links the shown layer has. */
  size(): Promise<{ nodes: number; links: number }> {
    return this.page.evaluate(() => {
      const layer = (globalThis as unknown as { burnish: { layer(): { nodes: Map<string, unknown>; links: Map<number, unknown> } } }).burnish.layer();
      return { nodes: layer.nodes.size, links: layer.links.size };
    });
  }

  /** Lets a file fall onto the canvas. */
  async dropFile(name: string, type: string, bytes: Buffer): Promise<void> {
    const data = await this.page.evaluateHandle(
      ([name, type, base64]) => {
        const transfer = new DataTransfer();
        const raw = Uint8Array.from(atob(base64!), (it) => it.charCodeAt(0));
        transfer.items.add(new File([raw], name!, { type: type! }));
        return transfer;
      },
      [name, type, bytes.toString("base64")],
    );
    await this.page.dispatchEvent(".canvas", "drop", { dataTransfer: data, clientX: 700, clientY: 400 });
  }
}

async function middle(at: Locator | [number, number]): Promise<[number, number]> {
  if (Array.isArray(at)) return at;
  const box = await at.boundingBox();
  if (!box) throw new Error("there is nothing to drag");
  return [box.x + box.width / 2, box.y + box.height / 2];
}
