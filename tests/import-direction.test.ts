import { describe, expect, it } from "vitest";
import { findCycle, type Import, readImports, resolveRelative } from "./imports.js";
import { listPackages, listSources } from "./workspace.js";

/** What each package may import of ours: the arrows of docs/architecture.md. */
const mayImport = new Map<string, readonly string[]>([
  ["@lowbit/core-tensor", []],
  ["@lowbit/nn", ["@lowbit/core-tensor"]],
  ["@lowbit/report", []],
  ["@lowbit/data", ["@lowbit/core-tensor"]],
  ["@lowbit/quant", ["@lowbit/core-tensor", "@lowbit/nn"]],
  ["@lowbit/distill", ["@lowbit/core-tensor", "@lowbit/nn"]],
  ["@lowbit/rnn", ["@lowbit/core-tensor", "@lowbit/nn", "@lowbit/quant"]],
  ["@lowbit/wrpn", ["@lowbit/core-tensor", "@lowbit/nn", "@lowbit/quant"]],
  ["@lowbit/sweep", ["@lowbit/core-tensor", "@lowbit/report"]],
  ["@lowbit/dlac-sim", []],
  [
    "lowbit",
    [
      "@lowbit/core-tensor",
      "@lowbit/data",
      "@lowbit/distill",
      "@lowbit/dlac-sim",
      "@lowbit/nn",
      "@lowbit/quant",
      "@lowbit/report",
      "@lowbit/rnn",
      "@lowbit/sweep",
      "@lowbit/wrpn",
    ],
  ],
  [
    "@lowbit/bench",
    [
      "@lowbit/core-tensor",
      "@lowbit/data",
      "@lowbit/dlac-sim",
      "@lowbit/nn",
      "@lowbit/quant",
      "@lowbit/rnn",
      "@lowbit/wrpn",
      "lowbit",
    ],
  ],
]);

/** What each folder of core-tensor may import, besides itself. */
const coreFolders = new Map<string, readonly string[]>([
  ["graph", []],
  ["storage", ["graph"]], // only its errors
  ["packed", ["graph"]],
  ["random", ["graph"]],
  ["ops", ["graph", "packed", "random"]],
  ["stored-graph", ["graph", "packed", "ops", "storage"]],
  ["autograd", ["graph", "ops"]],
  ["plan", ["graph", "ops"]], // the copies that a plan adds are operations too
  ["backends/js", ["plan", "ops", "packed", "graph", "random"]],
  ["backends/wasm", ["plan", "ops", "packed", "graph"]], // a kernel reads the attributes of the operation that it computes
  ["backends/gpu", ["plan", "ops", "packed", "graph", "backends/js"]], // calls without a kernel go to the reference
  [
    "engine", // puts them together
    ["graph", "packed", "random", "ops", "autograd", "plan", "backends/js", "backends/wasm", "backends/gpu"],
  ],
]);

/** Files that put the folders together; they may import all of them, and only src/index.ts may import these. */
const isCoreRoot = (path: string): boolean => /^packages\/core-tensor\/src\/[^/]+\.ts$/.test(path);

const packages = listPackages();
const importsOf = new Map(packages.map(({ folder }) => [folder, listSources(`${folder}/src`).flatMap(readImports)]));
const packageNameOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
const isOurs = (name: string): boolean => name === "lowbit" || name.startsWith("@lowbit/");
const show = ({ from, specifier }: Import): string => `${from} imports ${specifier}`;

describe("imports", () => {
  it("lists every package of the workspace", () => {
    expect([...mayImport.keys()].sort()).toEqual(packages.map(({ manifest }) => manifest.name).sort());
  });

  it.each(packages)("$folder imports only packages below it", ({ folder, manifest }) => {
    const allowed = mayImport.get(manifest.name) ?? [];
    const wrong = (importsOf.get(folder) ?? []).filter(({ specifier }) => {
      const name = packageNameOf(specifier);
      return isOurs(name) && !allowed.includes(name);
    });
    expect(wrong.map(show)).toEqual([]);
  });

  it.each(packages)("$folder declares what it imports", ({ folder, manifest }) => {
    const declared = Object.keys({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.peerDependencies,
      ...(manifest.private && manifest.devDependencies), // nobody installs a private package without them
    });
    const wrong = (importsOf.get(folder) ?? []).filter(
      ({ specifier, isType }) =>
        !isType &&
        !specifier.startsWith(".") &&
        !specifier.startsWith("node:") &&
        !declared.includes(packageNameOf(specifier)),
    );
    expect(wrong.map(show)).toEqual([]);
  });

  it.each(packages)("$folder writes relative imports with the suffix .js and stays inside its src", ({ folder }) => {
    const relative = (importsOf.get(folder) ?? []).filter(({ specifier }) => specifier.startsWith("."));
    const wrong = relative.filter((each) => {
      const target = new URL(each.specifier, `file:///${each.from}`).pathname.slice(1);
      return !/\.(js|json)$/.test(each.specifier) || !target.startsWith(`${folder}/`);
    });
    expect(wrong.map(show)).toEqual([]);
  });

  it.each(packages)("$folder has no cycle", ({ folder }) => {
    const arrows = new Map<string, string[]>();
    for (const each of importsOf.get(folder) ?? []) {
      const target = resolveRelative(each);
      if (each.isType || each.isDynamic || target === undefined) continue;
      arrows.set(each.from, [...(arrows.get(each.from) ?? []), target]);
    }
    expect(findCycle(arrows)?.join(" → ")).toBeUndefined();
  });

  it("finds a cycle where there is one", () => {
    expect(
      findCycle(
        new Map([
          ["a", ["b"]],
          ["b", ["c"]],
          ["c", ["b"]],
        ]),
      ),
    ).toEqual(["b", "c", "b"]);
    expect(
      findCycle(
        new Map([
          ["a", ["b", "c"]],
          ["b", ["c"]],
        ]),
      ),
    ).toBeUndefined();
  });
});

describe("folders of core-tensor", () => {
  const source = "packages/core-tensor/src/";
  const folderOf = (path: string): string => {
    const parts = path.slice(source.length).split("/");
    return parts.slice(0, parts[0] === "backends" ? 2 : 1).join("/");
  };
  const imports = importsOf.get("packages/core-tensor") ?? [];

  it("are all named here", () => {
    const folders = new Set(
      imports
        .map(({ from }) => from)
        .filter((path) => !isCoreRoot(path))
        .map(folderOf),
    );
    expect([...folders].filter((folder) => !coreFolders.has(folder))).toEqual([]);
  });

  it.each([...coreFolders.keys()])("%s imports only folders below it", (folder) => {
    const wrong = imports.filter((each) => {
      const target = resolveRelative(each);
      if (target === undefined || isCoreRoot(each.from) || folderOf(each.from) !== folder) return false;
      const to = isCoreRoot(target) ? target : folderOf(target);
      return to !== folder && !coreFolders.get(folder)?.includes(to);
    });
    expect(wrong.map(show)).toEqual([]);
  });
});
