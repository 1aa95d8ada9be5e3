import { describe, expect, it } from "vitest";
import { uniformUnsigned } from "../../src/index.js";
import { gradientAt, quantizeToCodes, testQuantizer } from "../../src/testing/index.js";

const widths = [1, 2, 3, 4, 5, 6, 7, 8];
const largest = [0, 1, 3, 7, 15, 31, 63, 127, 255];

/** Whole-number arithmetic alone: j / 1024 on a grid of codes / n. */
function nearestCode(j: number, n: number): number {
  let best = 0;
  for (let code = 1; code <= n; code++) {
    const gain = Math.abs(best * 1024 - n * j) - Math.abs(code * 1024 - n * j);
    if (gain > 0 || (gain === 0 && code % 2 === 0)) best = code;
  }
  return best;
}

describe("uniform-unsigned", () => {
  testQuantizer(uniformUnsigned, {
    optionSets: [...widths.map((bits) => ({ bits })), { bits: 4, range: 6 }, { bits: 8, range: 0.3 }],
  });

  it.each(widths)("takes every value to its nearest code at %d bits", async (bits) => {
    const js = Array.from({ length: 2049 }, (_, i) => i - 512);
    const codes = await quantizeToCodes(
      uniformUnsigned,
      { bits },
      js.map((j) => j / 1024),
    );
    expect([...codes]).toEqual(js.map((j) => nearestCode(j, largest[bits])));
  });

  it.each([
    [-0.001, 0],
    [0, 1],
    [3, 1],
    [6, 1],
    [6.001, 0],
  ])("with range 6 at %d has gradient %d", async (x, slope) => {
    for (const bits of widths) expect(await gradientAt(uniformUnsigned, { bits, range: 6 }, x)).toBeCloseTo(slope, 6);
  });
});
