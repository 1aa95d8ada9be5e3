import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const slice = fileURLToPath(new URL("../../data/assets/fashion-mnist-mini", import.meta.url)); // a tenth of the images
const words = (out: string, ...more: string[]): string[] => [
  ...["study", "wrpn", "--out", out, "--data-folder", slice, "--threads", "1", "--only", "1x-fp32-seed1", ...more],
];

describe("lowbit study", () => {
  it("runs a trial, goes on with an interrupted one, and repeats none that is done", async () => {
    const out = join(work, "interrupted");
    const stopped = await runLowbit(words(out), { interruptAt: "epoch 1/3" });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/go on with:\n.*study wrpn --out/);
    expect(readdirSync(join(out, "unfinished"))).toEqual(["1x-fp32-seed1"]);

    const state = await runJson(words(out));
    expect(state.trials.map(({ key }: { key: string }) => key)).toEqual(["1x-fp32-seed1"]);
    const [{ result, made }] = state.trials;
    expect(result.accuracy).toBeGreaterThan(30);
    expect(made).toMatchObject({ command: "lowbit study wrpn", threads: 1, node: process.versions.node });
    expect(readdirSync(join(out, "unfinished"))).toEqual([]);

    const before = readFileSync(join(out, "1x-fp32-seed1.json"), "utf8");
    const again = await runLowbit(words(out));
    expect(again.stderr).not.toMatch(/trial \d/);
    expect(again.stdout).toMatch(/1 trials done, 54 missing[\s\S]*1x-fp32-seed1/);
    expect(readFileSync(join(out, "1x-fp32-seed1.json"), "utf8")).toBe(before);

    const whole = await runJson(words(join(work, "whole")));
    const { processorSeconds, ...same } = whole.trials[0].result;
    expect(same).toEqual(result); // what was interrupted ends where the other does, and can't tell what it took
    expect(processorSeconds).toBeGreaterThan(0);
  });

  it("lists what is missing, and runs and writes nothing for it", async () => {
    const out = join(work, "listed");
    const state = await runJson(["study", "wrpn", "--out", out, "--list"]);
    expect(state.trials).toEqual([]);
    expect(state.missing).toHaveLength(55);
    expect(existsSync(out)).toBe(false);
  });

  it("writes a report of what there is, as Markdown with charts beside it and as one page", async () => {
    const out = join(work, "interrupted");
    const list = ["study", "wrpn", "--out", out, "--list", "--json", "--report"];
    const [{ key, result }] = (await runJson([...list, join(work, "results.md")])).trials;
    const markdown = readFileSync(join(work, "results.md"), "utf8");
    const [, line] = markdown.match(new RegExp(`(\\| ${key} \\|[^\n]*)`)) ?? [];
    expect(line).toContain(` ${result.accuracy.toFixed(2)} `);
    const charts = [...markdown.matchAll(/\]\((results\/[a-z]+\.svg)\)/g)].map(([, path]) => path);
    expect(charts).toEqual(["results/width.svg", "results/grid.svg"]);
    for (const chart of charts) expect(readFileSync(join(work, chart), "utf8")).toMatch(/^<svg[\s\S]*<\/svg>\n$/);

    await runJson([...list, join(work, "results.html")]);
    expect(readFileSync(join(work, "results.html"), "utf8")).toContain(result.accuracy.toFixed(2));
    const { code, stderr } = await runLowbit([...list, join(work, "results.pdf")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/\.md .*\.html/);
  });

  it.each([
    ["a study that there is not", ["study", "wrpm"], /did you mean wrpn/],
    ["trials that there are not", ["study", "wrpn", "--out", join(work, "none"), "--only", "9x"], /no trial like 9x/],
    ["a file as the folder", ["study", "wrpn", "--out", join(slice, "train-labels-idx1-ubyte.gz")], /is a file/],
  ])("refuses %s", async (_, line, message) => {
    const { code, stdout, stderr } = await runLowbit(line);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
  });

  it("refuses a record of something else", async () => {
    const out = join(work, "interrupted");
    const file = join(out, "1x-fp32-seed1.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"width": 0.25', '"width": 0.5'));
    const { code, stderr } = await runLowbit(words(out));
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/is of something else[\s\S]*1x-fp32-seed1\.json/);
  });
});
