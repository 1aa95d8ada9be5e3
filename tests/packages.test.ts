import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listProductionTree, listPublished, type Manifest, root } from "./workspace.js";

/** Licences that ask for nothing but their own text. Another one is a decision to take, not a line to add. */
const allowedLicences = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD", "Unlicense"]);

const published = listPublished();
const tree = [...listProductionTree().values()];
const licenceOf = ({ license }: Manifest): string => (typeof license === "object" ? license.type : (license ?? "none"));

describe.each(published)("$manifest.name", ({ folder, manifest }) => {
  it("is an ES module under the MIT licence for Node 20 and later", () => {
    expect(manifest).toMatchObject({
      license: "MIT",
      type: "module",
      engines: { node: ">=20" },
      files: expect.arrayContaining(["dist"]),
    });
  });

  it("has types beside every door", () => {
    const doors = Object.entries(manifest.exports ?? {}).filter(([door]) => door !== "./package.json");
    if (manifest.bin === undefined) expect(doors.map(([door]) => door)).toContain(".");
    for (const [, target] of doors) {
      const conditions = Object.keys(target as object);
      expect(conditions[0]).toBe("types"); // the first match wins
      expect(conditions.at(-1)).toBe("default");
    }
  });

  it("has a readme with an example", () => {
    const readme = join(root, folder, "README.md");
    expect(existsSync(readme)).toBe(true);
    expect(readFileSync(readme, "utf8")).toMatch(manifest.bin ? /```(sh|js|ts)\n/ : /```(js|ts)\n/);
  });

  it("runs nothing when it is installed", () => {
    expect(Object.keys(manifest.scripts ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(pre|post)?(install|prepare)$/)]),
    );
  });
});

describe("dependencies", () => {
  it.each(["@lowbit/core-tensor", "@lowbit/nn"])("%s has none but ours, and what is installed by choice", (name) => {
    const manifest = published.find((each) => each.manifest.name === name)?.manifest;
    const peers = Object.keys(manifest?.peerDependencies ?? {});
    const chosen = (peer: string) => manifest?.peerDependenciesMeta?.[peer]?.optional === true;
    const needed = [
      ...Object.keys({ ...manifest?.dependencies, ...manifest?.optionalDependencies }),
      ...peers.filter((peer) => !chosen(peer)),
    ];
    expect(needed.filter((dependency) => !dependency.startsWith("@lowbit/"))).toEqual([]);
  });

  it("are under licences that we allow", () => {
    const wrong = tree.filter(({ manifest }) => !allowedLicences.has(licenceOf(manifest)));
    expect(wrong.map(({ manifest }) => `${manifest.name} ${licenceOf(manifest)}`)).toEqual([]);
    expect(tree.length).toBeGreaterThan(0);
  });

  it("run nothing when they are installed", () => {
    const wrong = tree.filter(
      ({ folder, manifest }) =>
        ["preinstall", "install", "postinstall"].some((name) => manifest.scripts?.[name] !== undefined) ||
        existsSync(join(folder, "binding.gyp")), // npm would build it unasked
    );
    expect(wrong.map(({ manifest }) => manifest.name)).toEqual([]);
  });
});
