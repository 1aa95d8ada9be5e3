import { defineConfig } from "tsup";
import { libraryBuild } from "../../tsup.base.js";

export default defineConfig(
  libraryBuild({
    index: "src/index.ts",
    "storage/index": "src/storage/index.ts",
    "storage/browser": "src/storage/browser.ts",
    worker: "src/backends/wasm/worker.ts", // started by URL, so it keeps its name
  }),
);
