import { createEngine } from "@lowbit/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { uniformSymmetric } from "../../src/index.js";
import { gradientAt, levelsOf, quantizeToCodes, testQuantizer } from "../../src/testing/index.js";

const widths = [2, 3, 4, 5, 6, 7, 8];
/** n as counted by hand: one bit is the sign. */
const largest = [0, 0, 1, 3, 7, 15, 31, 63, 127];

/** Tries every code and keeps the nearest to j / 1024, on a tie the even one, in whole numbers alone. */
function nearestCode(j: number, n: number): number {
  let best = -n;
  for (let code = -n + 1; code <= n; code++) {
    const gain = Math.abs(best * 1024 - n * j) - Math.abs(code * 1024 - n * j);
    if (gain > 0 || (gain === 0 && code % 2 === 0)) best = code;
  }
  return best;
}

describe("uniform-symmetric", () => {
  testQuantizer(uniformSymmetric, {
    optionSets: [
      ...widths.map((bits) => ({ bits })),
      { bits: 4, granularity: "per-channel" },
      { bits: 4, granularity: "per-channel", axis: 2 },
      ...widths.map((bits) => ({ bits, range: 1 })),
      { bits: 3, range: 0.75 },
      { bits: 8, range: 2.7 },
    ],
  });

  it.each(widths)("takes every value to its nearest code at %d bits and range 1", async (bits) => {
    const js = Array.from({ length: 4097 }, (_, i) => i - 2048);
    const codes = await quantizeToCodes(
      uniformSymmetric,
      { bits, range: 1 },
      js.map((j) => j / 1024),
    );
    expect([...codes]).toEqual(js.map((j) => nearestCode(j, largest[bits])));
  });

  it("reaches exactly as far as the largest magnitude", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...widths),
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 30 }),
        async (bits, values) => {
          const codes = await quantizeToCodes(uniformSymmetric, { bits }, values);
          const reach = Math.max(...values.map(Math.abs));
          values.forEach((value, i) => {
            const exact = reach === 0 ? 0 : (value * largest[bits]) / reach;
            expect(Math.abs(codes[i] - exact)).toBeLessThanOrEqual(0.5 + 1e-4);
            if (Math.abs(value) === reach && reach > 0) expect(codes[i]).toBe(Math.sign(value) * largest[bits]);
          });
        },
      ),
      { seed: 1, numRuns: 40 },
    ));

  it("gives each channel a scale of its own", async () => {
    const engine = await createEngine({ backend: "js" });
    const options = { bits: 2, range: "max-abs", granularity: "per-channel", axis: 0 } as const;
    const run = engine.compile(({ w }) => {
      const scale = uniformSymmetric.scale(options);
      if (scale.kind !== "statistic") throw new Error("max-abs is a statistic");
      const s = scale.compute(w, options, {});
      return { s, levels: uniformSymmetric.fakeQuantize(w, options, s) };
    });
    const w = { dtype: "f32", shape: [2, 2], data: Float32Array.of(0.1, -0.5, 8, 3) } as const;
    const { s, levels } = await run({ w });
    expect(s.shape).toEqual([2, 1]);
    expect([...levels.data].map((level) => level + 0)).toEqual([0, -0.5, 8, 0]);
    await engine.close();
  });

  it("makes zeros of zeros", async () => {
    expect([...(await levelsOf(uniformSymmetric, { bits: 4 }, [0, 0]))]).toEqual([0, 0]);
  });

  it.each([
    [-1.001, 0],
    [-1, 1],
    [0.3, 1],
    [1, 1],
    [1.001, 0],
  ])("with range 1 has gradient %d → %d", async (x, slope) => {
    for (const bits of widths) expect(await gradientAt(uniformSymmetric, { bits, range: 1 }, x)).toBeCloseTo(slope, 6);
  });

  it.each([
    [3.49, 1],
    [3.5, 0],
    [-3.5, 0],
    [-3.49, 1],
    [3, 1],
  ])("with 3 bits and a held step of 1 has gradient %d → %d", async (x, slope) =>
    expect(await gradientAt(uniformSymmetric, { bits: 3 }, x)).toBe(slope),
  );

  it("refuses channels where one range is given for all", async () =>
    expect(quantizeToCodes(uniformSymmetric, { bits: 4, range: 1, granularity: "per-channel" }, [0])).rejects.toThrow(
      /where {2}options.granularity/,
    ));
});
