import { fileURLToPath } from "node:url";
import { build } from "tsup";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Makes one file of a TypeScript program of these tests and the packages' sources, to run in a process of its own. */
export async function bundleProgram(entry: string, folder: string): Promise<string> {
  const name = entry.replace(/^.*\/|\.ts$/g, "");
  await build({
    entry: { [name]: source(entry) },
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    format: "esm",
    target: "node20",
    platform: "node",
    config: false,
    dts: false,
    silent: true,
    splitting: false,
    clean: false,
    noExternal: [/.*/],
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
    esbuildOptions: (options) => {
      options.alias = Object.fromEntries([
        ...["core-tensor/storage", "quant/testing"].map((door) => [
          `@lowbit/${door}`,
          source(`../../packages/${door.replace("/", "/src/")}/index.ts`),
        ]),
        ...["core-tensor", "nn", "data", "quant", "wrpn"].map((name) => [
          `@lowbit/${name}`,
          source(`../../packages/${name}/src/index.ts`),
        ]),
      ]);
    },
  });
  return `${folder}/${name}.mjs`;
}
