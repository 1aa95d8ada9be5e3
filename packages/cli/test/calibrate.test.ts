import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type AnyJson, runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const folder = (name: string): string => join(work, name);
const trained = folder("trained");
const small = ["--images", "32", "--threads", "1"];

beforeAll(() =>
  runJson([
    ...["train", "--model", "simple-cnn", "--data", "fashion-mnist-mini", "--epochs", "1", "--limit", "320"],
    ...["--learning-rate", "0.02", "--seed", "1", "--out", trained],
  ]),
);

describe("calibrate", () => {
  it("lowers a trained network, tells what each technique did, and its network packs with the same numbers", async () => {
    const [out, packed] = [folder("w3a4"), folder("w3a4-packed")];
    const words = ["calibrate", trained, "--precision", "w3a4", ...small, "--rounding-steps", "20", "--out", out];
    const found = await runJson(words);
    expect(found).toMatchObject({ from: trained, precision: "w3a4", quantizer: "lsq", calibrationImages: 32 });
    const names = found.stages.map(({ technique }: AnyJson) => technique);
    expect(names).toEqual(["full precision", "lowered", "equalised", "rounded", "corrected"]);
    const { accuracy, loss } = found.stages[4];
    expect(found).toMatchObject({ accuracy, loss, testImages: 320 });
    const conversion = await runJson(["convert", out, "--out", packed]);
    expect(Math.abs(conversion.packedBytes - found.packedBytes)).toBeLessThan(64); // equal scalars are stored once
    expect(await runJson(["eval", packed, "--build", "portable"])).toMatchObject({ kind: "packed", accuracy, loss });
    const kept = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
    expect(JSON.stringify(kept)).toContain('"technique":"corrected"');

    const again = await runLowbit(["calibrate", out, "--precision", "w2a2", "--out", folder("never")]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("in low precision already");
  });

  it.each([
    ["no precision", [], 2, "nothing to lower the network to"],
    ["a layer that is not there", ["--override", "conv9=w4a4"], 78, "matches no layer of simple-cnn"],
  ])("refuses %s", async (_, words, code, message) => {
    const ended = await runLowbit(["calibrate", trained, ...words, ...small, "--out", folder("never")]);
    expect(ended.stderr).toContain(message);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toBe("");
    expect(existsSync(folder("never"))).toBe(false);
  });
});

describe("sensitivity and search", () => {
  const bits = ["--weight-bits", "2,8", "--input-bits", "8", "--outer-layers"];

  it("measure each layer by itself, and find bits within a budget that calibrate takes", async () => {
    const { measured, fullPrecision } = await runJson(["sensitivity", trained, ...bits, ...small]);
    expect(measured.map(({ layer, slot, bits: own }: AnyJson) => `${layer} ${slot} ${own}`)).toEqual(
      ["conv1", "conv2", "classifier"].flatMap((layer) => [
        `${layer} weight 2`,
        `${layer} weight 8`,
        `${layer} input 8`,
      ]),
    );
    for (const { loss, lossIncrease } of measured) expect(lossIncrease).toBeCloseTo(loss - fullPrecision.loss, 9);

    const [config, report] = [folder("mixed.json"), folder("search.md")];
    const found = await runJson([
      ...["search", trained, "--budget", "size=12kB", ...bits, ...small, "--candidates", "3", "--limit", "50"],
      ...["--out", config, "--report", report],
    ]);
    expect(found.measured).toEqual(measured);
    const fitting = found.scored.filter(({ cost }: AnyJson) => cost <= 12000);
    expect(found.best.loss).toBe(Math.min(...fitting.map(({ loss }: AnyJson) => loss)));
    expect(found.written).toHaveLength(4);
    expect(readFileSync(report, "utf8")).toContain("front.svg");

    const out = folder("mixed");
    const lowered = await runJson([
      ...["calibrate", trained, "--config", config, "--no-correct-bias", "--no-learn-rounding", "--equalise", "never"],
      ...[...small, "--limit", "50", "--out", out],
    ]);
    const corrected = await runJson([
      ...["calibrate", trained, "--config", config, "--no-learn-rounding", "--equalise", "never"],
      ...[...small, "--limit", "50", "--out", folder("mixed-corrected")],
    ]);
    expect(corrected.packedBytes).toBe(found.best.cost); // what the search added up is what is stored, corrections included
    expect(lowered.packedBytes).toBeLessThan(found.best.cost);
    expect(lowered).toMatchObject({ accuracy: found.test.accuracy, loss: found.test.loss });
    const { kernels } = await runJson(["eval", out, "--limit", "50"]);
    expect(kernels.map(({ wBits, aBits }: AnyJson) => [wBits, aBits])).toEqual(
      found.best.layers.map(({ weightBits, inputBits }: AnyJson) => [weightBits, inputBits]),
    );
  });

  it("choose by what calibrate makes of the best, where that is asked for, and write what train takes", async () => {
    const config = folder("rechecked.json");
    const found = await runJson([
      ...["search", trained, "--budget", "size=12kB", ...bits, ...small, "--candidates", "2", "--recheck", "2"],
      ...["--rounding-steps", "10"],
      ...["--limit", "50", "--quantizer", "uniform", "--quantizer-option", "observer=min-max", "--out", config],
    ]);
    const [first, second] = found.rechecked;
    expect(first.calibrated.loss).toBeLessThanOrEqual(second.calibrated.loss);
    expect(found.best).toEqual(first);
    const lowered = await runJson([
      ...["calibrate", trained, "--config", config, ...small, "--rounding-steps", "10", "--limit", "50"],
      ...["--out", folder("rechecked")],
    ]);
    expect(lowered).toMatchObject({ accuracy: found.test.accuracy, loss: found.test.loss });

    const fields = JSON.parse(readFileSync(config, "utf8"));
    expect(fields).toMatchObject({ quantizer: "uniform", quantizerOptions: { observer: "min-max" } });
    writeFileSync(config, JSON.stringify({ ...fields, limit: 64 }));
    const run = folder("mixed-run");
    const { accuracy, loss } = await runJson(["train", config, "--out", run]);
    const real = await runJson(["eval", run, "--build", "portable"]);
    expect(real).toMatchObject({ accuracy, loss });
    expect(real.kernels.map(({ wBits, aBits }: AnyJson) => [wBits, aBits])).toEqual(
      found.best.layers.map(({ weightBits, inputBits }: AnyJson) => [weightBits, inputBits]),
    );

    const [{ layers, ...rest }, ...others] = fields.overrides;
    const wrong = folder("wrong.json");
    for (const [verb, override, where, message] of [
      [["calibrate", trained, "--config", wrong], { ...rest, layers: "conv9" }, "overrides[0] (conv9)", "no layer"],
      [["train", wrong], { ...rest, layer: layers }, "overrides[0].layer", "did you mean layers?"],
      [["train", wrong], { layers, precision: "w1a8" }, `layer "${layers}"`, "no 1-bit quantizer for weights"],
    ] as const) {
      writeFileSync(wrong, JSON.stringify({ ...fields, overrides: [override, ...others] }));
      const refused = await runLowbit([...verb, "--out", folder("never")]);
      expect(refused.code).toBe(78);
      expect(refused.stderr).toContain(`where  ${wrong}, ${where}`);
      expect(refused.stderr).toContain(message);
    }
    writeFileSync(
      config,
      JSON.stringify({ ...fields, limit: 64, overrides: [{ layers, ...rest, precision: "w4a8" }, ...others] }),
    );
    const resumed = await runLowbit(["train", config, "--out", run, "--resume"]);
    expect(resumed.stderr).toMatch(/overrides\[0\]\.precision was "w[28]a8" and is "w4a8"/);
    expect(existsSync(folder("never"))).toBe(false);
  });

  it.each([
    ["a budget that is none", ["--budget", "weight=3"], "there is no budget"],
    ["a budget that nothing fits", ["--budget", "size=100B"], "no choice of these bits fits"],
  ])("refuse %s", async (_, words, message) => {
    const ended = await runLowbit(["search", trained, ...words, ...bits, ...small]);
    expect(ended.stderr).toContain(message);
    expect(ended.code).toBe(2);
  });
});
