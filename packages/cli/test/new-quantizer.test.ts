import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const example = new URL("../../../examples/quantizer-plugin/", import.meta.url).pathname;
const contentOf = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "utf8")]));

describe("new quantizer", () => {
  it("writes the example, which scripts/check-packages.mjs tries as a third party's package", async () => {
    const made = await runJson(["new", "quantizer", "sigma"], { cwd: work });
    expect(made).toEqual({ name: "sigma", out: "lowbit-quantizer-sigma", files: expect.arrayContaining(["index.js"]) });
    expect(contentOf(join(work, made.out))).toEqual(contentOf(example));
  });

  it("calls everything after the name", async () => {
    const out = join(work, "mine");
    await runJson(["new", "quantizer", "my-grid", "--out", out]);
    const content = contentOf(out);
    expect(JSON.parse(content["package.json"])).toMatchObject({
      name: "lowbit-quantizer-my-grid",
      peerDependencies: { "@lowbit/quant": expect.stringMatching(/^\^\d/) },
    });
    expect(content["quantizer.js"]).toContain("export const myGrid = defineQuantizer({");
    expect(Object.values(content).join("\n")).not.toMatch(/sigma/i);
  });

  it("gives a name that code can't use another ending, and refuses one that lowbit uses", async () => {
    const out = join(work, "class");
    await runJson(["new", "quantizer", "class", "--out", out]);
    expect(contentOf(out)["quantizer.js"]).toContain("export const classQuantizer = defineQuantizer({");
    const { code, stderr } = await runLowbit(["new", "quantizer", "lsq", "--out", join(work, "none")]);
    expect(code).toBe(2);
    expect(stderr).toContain('@lowbit/quant has a quantizer or a scheme called "lsq" already');
  });

  it.each(["My Grid", "../evil", "", "a--b", "__proto__"])("refuses the name %j, and writes nothing", async (name) => {
    const { code, stderr } = await runLowbit(["new", "quantizer", name, "--out", join(work, "none")]);
    expect(code).toBe(2);
    expect(stderr).toContain("a quantizer can't be called");
    expect(readdirSync(work)).not.toContain("none");
  });

  it("refuses a folder with something in it", async () => {
    const { code, stderr } = await runLowbit(["new", "quantizer", "sigma", "--out", join(work, "mine")]);
    expect(code).toBe(2);
    expect(stderr).toContain("is not empty");
  });
});
