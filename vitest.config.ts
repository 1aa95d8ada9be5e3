import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // Tests read every package from its sources: a change shows without a build.
    alias: [
      { find: /^@lowbit\/([a-z-]+)$/, replacement: source("$1/src/index.ts") },
      { find: /^@lowbit\/([a-z-]+)\/([a-z-]+)$/, replacement: source("$1/src/$2/index.ts") },
    ],
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "tests/**/*.test.ts"],
    testTimeout: 600_000, // on a busy machine a second can take twenty
    hookTimeout: 600_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
