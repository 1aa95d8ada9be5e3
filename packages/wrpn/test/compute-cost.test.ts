import { ConfigurationError } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { type CountedLayer, computeCost } from "../src/index.js";

const layer = (
  name: string,
  macs: number,
  weightBits: number,
  inputBits: number,
  weightElements = 1,
): CountedLayer => ({
  name,
  macs,
  weightBits,
  inputBits,
  weightElements,
});

/** arXiv 1709.01134, table 3: AlexNet 2x wide, compute cost relative to 1x fp32; rows weights, columns activations. */
const bits = [32, 8, 4, 2, 1];
const table3 = [
  [3.9, 2.4, 2.2, 2.1, 2.0],
  [2.4, 1.0, 0.7, 0.6, 0.6],
  [2.2, 0.7, 0.5, 0.4, 0.3],
  [2.1, 0.6, 0.4, 0.2, 0.2],
  [2.0, 0.6, 0.3, 0.2, 0.1],
];
const cells = bits.flatMap((w, row) => bits.map((a, column) => ({ w, a, cost: table3[row][column] })));

describe("computeCost", () => {
  it.each(cells)("agrees with WRPN table 3 at $w-bit weights and $a-bit activations", ({ w, a, cost }) => {
    for (const ratio of [3.912, 3.915, 3.919]) {
      const { total } = computeCost([layer("all", 1000 * ratio, w, a)], { baseline: [layer("all", 1000, 32, 32)] });
      expect(total.relativeCost.toFixed(1)).toBe(cost.toFixed(1));
      expect(total.macRatio).toBeCloseTo(ratio, 9);
    }
  });

  const wide = [layer("first", 200, 32, 32, 9), layer("inner", 4000, 4, 2, 100), layer("last", 20, 32, 32, 50)];
  const baseline = [layer("first", 100, 32, 32), layer("inner", 1000, 32, 32), layer("last", 10, 32, 32)];

  // By hand: fp32 is 64 bits a MAC, the baseline 1110 MACs.
  it.each([
    ["charged", (200 * 64 + 4000 * 6 + 20 * 64) / (1110 * 64), 3],
    ["uniform", (4220 * 6) / (1110 * 64), 3],
    ["quantized", (4000 * 6) / (1000 * 64), 1],
  ] as const)("counts full-precision layers as %s", (convention, relativeCost, count) => {
    const { total, layers } = computeCost(wide, { baseline, convention });
    expect(total.relativeCost).toBeCloseTo(relativeCost, 12);
    expect(layers).toHaveLength(count);
  });

  it("counts MACs, bit operations and bytes", () => {
    const { total, layers } = computeCost(wide, { baseline });
    expect(total).toEqual({
      macs: 4220,
      baselineMacs: 1110,
      macRatio: 4220 / 1110,
      bitOperations: 220 * 32 * 32 + 4000 * 8,
      relativeCost: expect.any(Number),
      weightBytes: 159 * 4,
      packedBytes: 59 * 4 + 50,
    });
    expect(layers[1]).toMatchObject({ name: "inner", macs: 4000, baselineMacs: 1000, macRatio: 4, packedBytes: 50 });
  });

  it("rounds each layer's packed bytes up", () =>
    expect(computeCost([layer("a", 1, 2, 2, 5), layer("b", 1, 1, 1, 9)]).total.packedBytes).toBe(2 + 2));

  it("is its own baseline where none is given", () =>
    expect(computeCost([layer("a", 10, 8, 8), layer("b", 30, 8, 8)]).total).toMatchObject({
      macRatio: 1,
      relativeCost: 16 / 64,
    }));

  it("charges a shortcut that only the wide network has, and the 1x layers that it lacks", () => {
    const { total, layers } = computeCost([layer("a", 40, 2, 2), layer("shortcut", 10, 2, 2)], {
      baseline: [layer("a", 10, 32, 32), layer("gone", 10, 32, 32)],
    });
    expect(total).toMatchObject({ baselineMacs: 20, macRatio: 2.5, relativeCost: (50 * 4) / (20 * 64) });
    expect(layers[1].baselineMacs).toBe(0);
  });

  it.each([
    ["nothing is quantized", () => computeCost(baseline, { convention: "quantized" })],
    [
      "layers of w4a2 and w2a2 have no precision in common",
      () => computeCost([...wide, layer("more", 1, 2, 2)], { convention: "uniform" }),
    ],
    ["the baseline is another network", () => computeCost(wide, { baseline: [layer("other", 1, 32, 32)] })],
  ])("refuses when %s", (message, run) => {
    expect(run).toThrow(ConfigurationError);
    expect(run).toThrow(message);
  });
});
