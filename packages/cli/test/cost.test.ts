import { describe, expect, it } from "vitest";
import { runJson, runLowbit } from "./run-lowbit.js";

const wide = ["cost", "--model", "resnet34", "--width", "2", "--precision", "w4a4"];

describe("lowbit cost", () => {
  it("tells WRPN's cost of a network for ImageNet", async () => {
    const report = await runJson([...wide, "--first-layer-width", "1"]);
    expect(report).toMatchObject({ model: "resnet34", inputShape: [3, 224, 224], convention: "charged" });
    expect(report.baselineMacs).toBe(3_663_761_408);
    expect(report.macRatio).toBeCloseTo(report.macs / report.baselineMacs, 12);
    expect(report.relativeCost).toBeCloseTo(0.5, 1); // arXiv 1709.01134: 0.50
    const sum = (field: string) => report.layers.reduce((total: number, layer: never) => total + layer[field], 0);
    for (const field of ["macs", "bitOperations", "weightBytes", "packedBytes"]) expect(sum(field)).toBe(report[field]);
    expect(report.packedBytes).toBeLessThan(report.weightBytes / 7);
  });

  it.each([
    ["charged", 0.5485],
    ["uniform", 0.492],
    ["quantized", 0.5],
  ])("counts as %s", async (convention, cost) => {
    expect((await runJson([...wide, "--convention", convention])).relativeCost).toBeCloseTo(cost, 3);
  });

  it("prints a table for people, and says what was counted", async () => {
    const { code, stdout } = await runLowbit([...wide, "--first-layer-width", "1"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/resnet34, 2x wide \(first layer 1x\), w4a4/);
    expect(stdout).toMatch(/stage1\.block0\.shortcut +4 +4 +\S+ +0 +new/);
    expect(stdout).toMatch(/cost +0\.509 of 1x fp32/);
  });

  it.each([
    ["an unknown model", ["--model", "resnt34"], /--model[\s\S]*did you mean "resnet34"/],
    ["an impossible precision", ["--model", "resnet34", "--precision", "w9a1"], /--precision/],
    ["an unknown convention", ["--model", "resnet34", "--convention", "uniforn"], /Did you mean uniform/],
    ["only quantized layers where there is none", ["--model", "mlp", "--convention", "quantized"], /--convention/],
    ["a width of 0", ["--model", "resnet34", "--width", "0"], /width 0/],
    ["images that are too small", ["--model", "alexnet", "--input", "3,32,32"], /at least 63 × 63/],
    ["no model", [], /--model/],
  ])("refuses %s", async (_, words, message) => {
    const { code, stdout, stderr } = await runLowbit(["cost", ...words]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
  });
});

describe("lowbit memory", () => {
  // arXiv 1709.01134, figure 1
  it.each([
    ["training", "1", "31.0", "69.0"],
    ["training", "32", "93.5", "6.5"],
    ["inference", "1", "5.9", "94.1"],
    ["inference", "32", "66.8", "33.2"],
  ])("resnet50 in %s at batch %s: activations to weights as %s to %s", async (phase, batch, activations, weights) => {
    const report = await runJson(["memory", "--model", "resnet50", "--batch", batch, "--phase", phase]);
    expect(report.activationShare.toFixed(1)).toBe(activations);
    expect(report.weightShare.toFixed(1)).toBe(weights);
    expect(report.totalBytes).toBe(report.activationBytes + report.weightBytes + report.gradientBytes);
  });

  it("packs what quantized layers read", async () => {
    const words = ["memory", "--model", "resnet50", "--batch", "32"];
    const [full, low] = [await runJson(words), await runJson([...words, "--precision", "w4a4"])];
    expect(low.activationBytes).toBeLessThan(full.activationBytes / 5);
    expect(low.weightBytes).toBe(full.weightBytes); // learned in fp32
    expect((await runLowbit(words)).stdout).toMatch(/activations +1467\.9 MB, 93\.5 %/);
  });

  it("refuses an unknown phase", async () => {
    const { code, stderr } = await runLowbit(["memory", "--model", "resnet50", "--phase", "trainng"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Did you mean training/);
  });
});

describe("cost of a language model", () => {
  it("tells parameters, bytes, MACs and where it breaks even", async () => {
    const found = await runJson(["cost", "--model", "lstm", "--hidden", "64", "--width", "2", "--precision", "w4a4"]);
    expect(found).toMatchObject({ model: "lstm", precision: "w4a4", hidden: 128, layers: 1, recurrentSizeRatio: 0.5 });
    expect(found.macs).toBe(8 * 128 ** 2 + 64 * 128);
    expect(found.breakEvenMultiplier).toBeCloseTo(2.83, 2);
    const { stdout } = await runLowbit(["cost", "--model", "gru", "--precision", "w2a4"]);
    expect(stdout).toContain("break-even      4.00x");
  });

  it("has no images", async () => {
    const { code, stderr } = await runLowbit(["cost", "--model", "lstm", "--classes", "10"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--classes");
  });
});
