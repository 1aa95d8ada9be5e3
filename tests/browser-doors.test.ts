import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Import, readImports, resolveRelative } from "./imports.js";
import { root } from "./workspace.js";

/** What a browser's bundler loads for each of our specifiers. */
const browserSource = (specifier: string): string | undefined => {
  if (specifier === "@lowbit/core-tensor/storage") return "packages/core-tensor/src/storage/browser.ts";
  const [, name, door] = /^@lowbit\/([a-z-]+)(?:\/([a-z-]+))?$/.exec(specifier) ?? [];
  return name && `packages/${name}/src/${door ? `${door}/` : ""}index.ts`;
};

/** Every import that a browser would have to follow at once, from one source file on. `import()` waits until it is called. */
function listStaticImports(entry: string): Import[] {
  const seen = new Set<string>();
  const found: Import[] = [];
  const visit = (path: string): void => {
    if (seen.has(path) || !existsSync(join(root, path))) return;
    seen.add(path);
    for (const each of readImports(path)) {
      if (each.isType || each.isDynamic) continue;
      found.push(each);
      const next = resolveRelative(each) ?? browserSource(each.specifier);
      if (next) visit(next);
    }
  };
  visit(entry);
  return found;
}

describe("doors for browsers", () => {
  it.each([
    "@lowbit/core-tensor",
    "@lowbit/core-tensor/storage",
    "@lowbit/nn",
    "@lowbit/data",
    "@lowbit/distill",
    "@lowbit/dlac-sim",
    "@lowbit/quant",
    "@lowbit/report",
    "@lowbit/rnn",
    "@lowbit/sweep",
    "@lowbit/wrpn",
  ])("%s needs nothing of Node to load", (door) => {
    const entry = browserSource(door) as string;
    const wrong = listStaticImports(entry).filter(({ specifier }) => specifier.startsWith("node:"));
    expect(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
  });
});
