import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["bench/*.ts"], exclude: ["bench/*.config.ts"], root: new URL("..", import.meta.url).pathname, testTimeout: 300_000, hookTimeout: 90_000 } });
