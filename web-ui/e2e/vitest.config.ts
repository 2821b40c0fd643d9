import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["e2e/**/*.test.ts"], root: new URL("..", import.meta.url).pathname, testTimeout: 90_000, hookTimeout: 90_000, fileParallelism: false, expect: { poll: { timeout: 15_000, interval: 100 } } },
});
