import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.BURNISH_URL ?? "http://127.0.0.1:8188";

/** The paths that the server answers; everything else is the editor. */
const routes = ["api", "ws", "view", "upload", "internal"];

export default defineConfig({
  plugins: [react()],
  base: "./",
  build: {
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // The built files are committed: names stay, and a change of the editor leaves the libraries' file as it is.
        entryFileNames: "app.js",
        chunkFileNames: "[name].js",
        assetFileNames: ({ names }) => (names.some((it) => it.endsWith(".webp")) ? "[name][extname]" : "app[extname]"),
        codeSplitting: { groups: [{ name: "vendor", test: /node_modules|vite\/|rolldown/ }] },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      routes.map((route) => [
        `/${route}`,
        // The server asks who is asking, so the proxy asks in its own name.
        { target: server, changeOrigin: true, ws: true, headers: { origin: server }, rewrite: (path: string) => path },
      ]),
    ),
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
