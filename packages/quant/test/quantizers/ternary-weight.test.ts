import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ternaryWeight } from "../../src/index.js";
import { gradientAt, testQuantizer } from "../../src/testing/index.js";
import { allRows, quantizeTensor, tensor } from "../quantize-tensor.js";

/** The paper's formula on whole numbers: 10 · n · |w| > 7 · Σ|w| has no rounding; undefined where float32 may go either way. */
function ternaryRow(ws: readonly number[]): { codes: number[]; alpha: number } | undefined {
  const total = ws.reduce((sum, w) => sum + Math.abs(w), 0);
  if (ws.some((w) => 10 * ws.length * Math.abs(w) === 7 * total && w !== 0)) return undefined;
  const isLarge = (w: number) => 10 * ws.length * Math.abs(w) > 7 * total;
  const large = ws.filter(isLarge).map(Math.abs);
  const alpha = large.length === 0 ? 0 : large.reduce((a, b) => a + b, 0) / large.length;
  return { codes: ws.map((w) => (isLarge(w) ? Math.sign(w) : 0)), alpha };
}

describe("ternary-weight", () => {
  testQuantizer(ternaryWeight, { optionSets: [{}, { granularity: "per-channel" }] });

  it("gives every row of four small whole numbers the codes and the scale of the formula", async () => {
    const { rows, count } = allRows(4, 4);
    const { codes, levels } = await quantizeTensor(
      ternaryWeight,
      { granularity: "per-channel" },
      tensor([count, 4], rows.flat()),
    );
    let compared = 0;
    rows.forEach((ws, i) => {
      const wanted = ternaryRow(ws);
      if (!wanted) return;
      compared++;
      expect(codes.slice(4 * i, 4 * i + 4)).toEqual(wanted.codes.map((code) => code + 0));
      wanted.codes.forEach((code, j) => expect(levels[4 * i + j]).toBeCloseTo(code * wanted.alpha, 5));
    });
    expect(compared).toBeGreaterThan(count * 0.9);
  });

  it("has one threshold and one scale for the whole tensor where asked, as printed", async () => {
    const ws = [4, 1, -1, 0.5, 0.1, -0.1]; // mean |w| 6.7 / 6, Δ = 0.7816…: 4, 1 and −1 are above, α = 2
    const { levels } = await quantizeTensor(ternaryWeight, {}, tensor([2, 3], ws));
    expect(levels).toEqual([2, 2, -2, 0, 0, 0]);
    const each = await quantizeTensor(ternaryWeight, { granularity: "per-channel" }, tensor([2, 3], ws));
    [4, 0, 0, 0.5, 0, -0].forEach((level, i) => expect(each.levels[i]).toBeCloseTo(level, 6));
  });

  it("of all ternary tensors with that threshold none is nearer: α is the least-squares scale", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 20 }), async (ws) => {
        const { codes, levels } = await quantizeTensor(ternaryWeight, {}, tensor([1, ws.length], ws));
        const error = (scale: number) => ws.reduce((sum, w, i) => sum + (w - scale * codes[i]) ** 2, 0);
        const at = codes.findIndex((code) => code !== 0);
        if (at < 0) {
          expect(ws.every((w) => w === 0)).toBe(true);
          return;
        }
        const alpha = levels[at] / codes[at];
        expect(error(alpha)).toBeLessThanOrEqual(error(alpha * 1.001));
        expect(error(alpha)).toBeLessThanOrEqual(error(alpha * 0.999));
      }),
      { seed: 1, numRuns: 60 },
    ));

  it("does not change when all weights are scaled, but for the scale", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: -6, max: 6 }),
        async (ws, exponent) => {
          const shape = [1, ws.length];
          const one = await quantizeTensor(ternaryWeight, {}, tensor(shape, ws));
          const factor = 2 ** exponent;
          const two = await quantizeTensor(
            ternaryWeight,
            {},
            tensor(
              shape,
              ws.map((w) => w * factor),
            ),
          );
          expect(two.codes).toEqual(one.codes);
          expect(two.levels).toEqual(one.levels.map((level) => level * factor));
        },
      ),
      { seed: 2, numRuns: 40 },
    ));

  it("passes the gradient straight through, everywhere", async () => {
    for (const w of [-30, -0.51, -0.5, -0.49, 0, 0.2, 0.5, 30]) {
      expect(await gradientAt(ternaryWeight, {}, w, { scale: 0.8, held: { threshold: 0.5 } })).toBe(1);
    }
    const { dx } = await quantizeTensor(ternaryWeight, {}, tensor([2, 2], [1, -2, 3, 0]), [0.5, -1, 2, 4]);
    expect(dx).toEqual([0.5, -1, 2, 4]);
  });
});
