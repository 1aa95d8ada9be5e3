import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AnyJson, runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const study = join(work, "study");
mkdirSync(study);
const trials = [
  { width: 2, precision: "w4a4", accuracy: 91 },
  { width: 2, precision: "w4a4", accuracy: 92 },
  { width: 2, precision: "w2a2", accuracy: 90 },
  { width: 0.5, precision: "w2a2", accuracy: 80 },
  { width: 3, precision: "w1a1", accuracy: 60, data: "cifar10" },
];
for (const [i, { accuracy, data = "fashion-mnist", ...pair }] of trials.entries()) {
  const record = {
    ...{ study: "some-study", version: 1, key: `trial${i}`, seconds: 1, result: { accuracy } },
    configuration: { model: "resnet8", data, ...pair, seed: i },
    made: { command: "a test", commit: null, node: "20.0.0", backend: "js", threads: 1 },
  };
  writeFileSync(join(study, `trial${i}.json`), JSON.stringify(record));
}
const pairs = ({ advice }: AnyJson): string[] => advice.map((row: AnyJson) => `${row.width}x ${row.precision}`);

describe("lowbit advise", () => {
  it("lists what fits a cost, the cheapest first where nothing was measured, and says so", async () => {
    const words = ["advise", "--model", "resnet34", "--budget", "cost=0.5", "--first-layer-width", "1"];
    const report = await runJson(words);
    expect(report.fitting).toBe(report.advice.length);
    expect(report.fitting).toBeLessThan(report.candidates);
    const costs = report.advice.map(({ relativeCost }: AnyJson) => relativeCost);
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
    expect(Math.max(...costs)).toBeLessThanOrEqual(0.5);
    expect(pairs(report)).toContain("2x w2a2");
    expect(pairs(report)).not.toContain("2x w4a4"); // 0.509: the printed 0.50 is rounded
    expect(report.advice.every(({ rankedBy }: AnyJson) => rankedBy === "cost")).toBe(true);
    expect((await runLowbit([...words, "--limit", "3"])).stdout).toMatch(/no accuracy was measured/);
  });

  it("ranks by measured accuracy where a study has it", async () => {
    const words = ["advise", "--model", "resnet8", "--budget", "cost=0.8", "--study", study, "--data", "fashion-mnist"];
    const report = await runJson(words);
    expect(pairs(report).slice(0, 2)).toEqual(["2x w4a4", "2x w2a2"]);
    expect(report.advice[0]).toMatchObject({ accuracy: 91.5, rankedBy: "accuracy" });
    expect(report.advice[2]).toMatchObject({ rankedBy: "cost" });
    expect((await runLowbit(words)).stdout).toMatch(/91\.50 %/);
  });

  it("measures widths by the one that counts as 1x", async () => {
    const words = ["advise", "--model", "resnet8", "--budget", "cost=0.4", "--base-width", "0.25"];
    const report = await runJson([...words, "--study", study, "--data", "fashion-mnist"]);
    expect(report.advice[0]).toMatchObject({ width: 0.5, precision: "w2a2", accuracy: 80 });
    expect(report.advice[0].relativeCost).toBeGreaterThan(0.25); // four times the MACs at a sixteenth of the bits, and the first layer in fp32
  });

  it("keeps within bytes of packed weights and of memory", async () => {
    const report = await runJson(["advise", "--model", "resnet50", "--budget", "size=12MB", "--budget", "memory=0.2x"]);
    expect(report.fitting).toBeGreaterThan(0);
    for (const { packedBytes } of report.advice) expect(packedBytes).toBeLessThanOrEqual(12e6);
    for (const { memoryBytes } of report.advice) expect(memoryBytes).toBeLessThanOrEqual(0.2 * 108_434_176);
  });

  it("says when nothing fits", async () => {
    const { code, stdout } = await runLowbit(["advise", "--model", "mlp", "--budget", "cost=0.0001"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/0 of \d+ pairs/);
  });

  it.each([
    ["no budget", ["--model", "mlp"], /--budget/],
    ["an unknown budget", ["--model", "mlp", "--budget", "const=1"], /did you mean cost/],
    ["bytes of a cost", ["--model", "mlp", "--budget", "cost=3MB"], /no budget "cost=3MB"/],
    ["a size without a unit", ["--model", "mlp", "--budget", "size=3"], /bytes also as 0\.25x/],
    ["a name of every object", ["--model", "mlp", "--budget", "constructor=3"], /no budget/],
    [
      "a study of other models",
      ["--model", "mlp", "--budget", "cost=1", "--study", study],
      /no data set[\s\S]*records of mlp/,
    ],
    ["several data sets at once", ["--model", "resnet8", "--budget", "cost=1", "--study", study], /--data/],
  ])("refuses %s", async (_, words, message) => {
    const { code, stdout, stderr } = await runLowbit(["advise", ...words]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
  });

  it("refuses a record that is none", async () => {
    const folder = join(work, "others");
    mkdirSync(folder);
    writeFileSync(join(folder, "other.json"), JSON.stringify({ trials: [{ model: 3 }] }));
    const { code, stderr } = await runLowbit(["advise", "--model", "mlp", "--budget", "cost=1", "--study", folder]);
    expect(code).toBe(65);
    expect(stderr).toMatch(/no record of a trial[\s\S]*other\.json/);
  });
});
