import { defineConfig } from "tsup";
import { libraryBuild } from "../../tsup.base.js";

export default defineConfig({
  ...libraryBuild({ main: "src/main.ts" }),
  dts: false,
  external: [/^node:/, /^@tensorflow\//, /^onnxruntime-/, /^gpu\.js$/], // peers are measured as they are published
});
