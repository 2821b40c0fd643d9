//! What every test in a browser starts with: a server of the file's own, a browser, and the editor in a page of its own.

import { expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Editor, launch, Server } from "./stage";

interface Fixture {
  readonly server: Server;
  readonly browser: Browser;
  /** The editor in a new page, which must have complained of nothing when the test is over. */
  readonly editor: Editor;
  /** The same under fingers. */
  readonly touched: Editor;
}

async function lent(editor: Editor, use: (editor: Editor) => Promise<void>): Promise<void> {
  await use(editor);
  const { complaints } = editor;
  await editor.page.context().close();
  expect(complaints).toEqual([]);
}

export const it = test.extend<Fixture>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: "file" },
  ],
  browser: [
    async ({}, use) => {
      const browser = await launch();
      await use(browser);
      await browser.close();
    },
    { scope: "file" },
  ],
  editor: async ({ browser, server }, use) => lent(await Editor.open(browser, server), use),
  touched: async ({ browser, server }, use) => lent(await Editor.open(browser, server, "dark", true), use),
});

/** Two by two pixels. */
export const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==", "base64");
