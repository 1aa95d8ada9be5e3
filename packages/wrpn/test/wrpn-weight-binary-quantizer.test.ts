import { createEngine } from "@lowbit/core-tensor";
import { gradientAt, levelsOf, quantizeToCodes, testQuantizer } from "@lowbit/quant/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wrpnWeightBinary } from "../src/index.js";

describe("wrpn-weight-binary", () => {
  testQuantizer(wrpnWeightBinary, { optionSets: [{}, { granularity: "per-tensor" }, { granularity: "per-channel" }] });

  it("keeps the sign and the mean magnitude, and takes 0 for positive", async () => {
    // mean(|w|) = (0.5 + 1 + 0 + 0.25 + 0.25) / 5 = 0.4
    expect([...(await levelsOf(wrpnWeightBinary, {}, [0.5, -1, 0, -0.25, 0.25]))]).toEqual(
      [0.4, -0.4, 0.4, -0.4, 0.4].map(Math.fround),
    );
    expect([...(await quantizeToCodes(wrpnWeightBinary, {}, [0.5, -1, 0, -0, -1e-40]))]).toEqual([1, -1, 1, 1, -1]);
  });

  it.each([
    ["per-channel", [0.5, -0.5, 2, 2]],
    ["per-tensor", [1.25, -1.25, 1.25, 1.25]],
  ])("has its mean %s", async (granularity, expected) => {
    const engine = await createEngine({ backend: "js" });
    const run = engine.compile(({ w }) => {
      const options = { granularity: granularity as "per-channel" | "per-tensor" };
      const scale = wrpnWeightBinary.scale(options);
      if (scale.kind !== "statistic") throw new Error("a mean is a statistic");
      return { levels: wrpnWeightBinary.fakeQuantize(w, options, scale.compute(w, options, {})) };
    });
    const w = { dtype: "f32", shape: [2, 1, 1, 2], data: Float32Array.of(0.25, -0.75, 1, 3) } as const;
    expect([...(await run({ w })).levels.data]).toEqual(expected);
    await engine.close();
  });

  it("keeps the mean magnitude of any channel", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -4096, max: 4096 }), { minLength: 1, maxLength: 40 }), async (js) => {
        const weights = js.map((j) => j / 1024);
        const mean = weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length;
        const levels = await levelsOf(wrpnWeightBinary, {}, weights);
        levels.forEach((level, i) => {
          expect(level > 0).toBe(weights[i] >= 0);
          expect(Math.abs(level)).toBeCloseTo(mean, 5);
        });
      }),
      { seed: 1, numRuns: 30 },
    ));

  it.each([
    [-1.001, 0],
    [-1, 1],
    [0, 1],
    [1, 1],
    [1.001, 0],
  ])("at w = %d has gradient %d, whatever the mean", async (w, slope) => {
    for (const scale of [0.01, 1, 7]) expect(await gradientAt(wrpnWeightBinary, {}, w, { scale })).toBe(slope);
  });
});
