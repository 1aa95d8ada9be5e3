import { gradientAt, levelsOf, quantizeToCodes, testQuantizer } from "@lowbit/quant/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wrpnWeight } from "../src/index.js";
import { everyJ, GRID, nearestCode } from "./nearest-code.js";

const widths = [2, 3, 4, 5, 6, 7, 8];
/** n as the paper's text counts it: one bit is the sign. */
const largest = [0, 0, 1, 3, 7, 15, 31, 63, 127];

describe("wrpn-weight", () => {
  testQuantizer(wrpnWeight, { optionSets: widths.map((bits) => ({ bits })) });

  it.each(widths)("takes every weight from −2 to 2 to its nearest code at %d bits", async (bits) => {
    const n = largest[bits];
    const codes = await quantizeToCodes(
      wrpnWeight,
      { bits },
      everyJ.map((j) => j / GRID),
    );
    expect([...codes]).toEqual(everyJ.map((j) => nearestCode(j, -n, n)));
  });

  it("takes each weight to the nearest code, whatever stands beside it", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 8 }),
        fc.array(fc.integer({ min: -2 * GRID, max: 2 * GRID }), { minLength: 1 }),
        async (bits, js) => {
          const codes = await quantizeToCodes(
            wrpnWeight,
            { bits },
            js.map((j) => j / GRID),
          );
          expect([...codes]).toEqual(js.map((j) => nearestCode(j, -largest[bits], largest[bits])));
        },
      ),
      { seed: 1, numRuns: 30 },
    ));

  it.each([
    [2, [-1, 0, 1]],
    [3, [-3, -2, -1, 0, 1, 2, 3].map((code) => code / 3)],
    [4, Array.from({ length: 15 }, (_, i) => (i - 7) / 7)], // step 1/7
    [8, Array.from({ length: 255 }, (_, i) => (i - 127) / 127)], // step 1/127
  ])("has the paper's levels at %d bits", async (bits, levels) => {
    const made = await levelsOf(
      wrpnWeight,
      { bits },
      everyJ.map((j) => j / GRID),
    );
    expect([...new Set(made.map((level) => level + 0))]).toEqual([...Float32Array.from(levels)]);
  });

  it.each([
    [-1.001, 0],
    [-1, 1],
    [0.3, 1],
    [1, 1],
    [1.001, 0],
  ])("at w = %d has gradient %d", async (w, slope) => expect(await gradientAt(wrpnWeight, { bits: 4 }, w)).toBe(slope));

  it.each([[{ bits: 1 }], [{ bits: 9 }], [{ bits: 2.5 }], [{}], [{ bits: 2, scale: 1 }]])(
    "refuses %j by name",
    async (options) =>
      expect(quantizeToCodes(wrpnWeight, options, [0])).rejects.toThrow(
        /^quantizer "wrpn-weight" can't take the options/,
      ),
  );
});
