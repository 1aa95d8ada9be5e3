import type { Options } from "tsup";

/**
 * How every package is built: ES modules for Node 20 and current browsers, with declarations and source maps.
 *
 * @param entry  name in dist/ → source file; each becomes dist/<name>.js and dist/<name>.d.ts
 */
export function libraryBuild(entry: Record<string, string>): Options {
  return {
    entry,
    format: ["esm"],
    target: ["node20", "es2022"],
    platform: "neutral", // no polyfills, nothing swapped: what a source imports is what its build imports
    removeNodeProtocol: false, // "node:fs" stays: some modules exist only under that name
    external: [/^node:/, "gpu.js"],
    dts: true,
    sourcemap: true,
    treeshake: true,
    clean: true,
    silent: true,
  };
}
