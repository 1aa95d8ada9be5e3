import { describe, expect, it } from "vitest";
import { binaryActivation, binaryWeight } from "../../src/index.js";
import { gradientAt, quantizeToCodes, testQuantizer } from "../../src/testing/index.js";
import { allRows, quantizeTensor, tensor } from "../quantize-tensor.js";

const gradients = ["clipped-identity", "approximate-sign", "swish-sign"] as const;

/** What each pseudo-gradient is the slope of, as its paper prints it, in float64. */
const carriers = {
  "clipped-identity": (x: number) => Math.max(-1, Math.min(1, x)),
  "approximate-sign": (x: number) => (x < -1 ? -1 : x < 0 ? 2 * x + x * x : x < 1 ? 2 * x - x * x : 1),
  "swish-sign": (x: number) => {
    const sigmoid = 1 / (1 + Math.exp(-5 * x));
    return 2 * sigmoid * (1 + 5 * x * (1 - sigmoid)) - 1;
  },
};

const slope = (f: (x: number) => number, x: number): number => (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;

describe("binary-weight", () => {
  testQuantizer(binaryWeight, {
    optionSets: [{}, { granularity: "per-tensor" }, ...gradients.map((gradient) => ({ gradient }))],
  });

  it("gives every row of four small whole numbers its signs and its mean magnitude", async () => {
    const { rows, count } = allRows(4, 3);
    const { codes, levels } = await quantizeTensor(binaryWeight, {}, tensor([count, 4], rows.flat()));
    rows.forEach((ws, i) => {
      const alpha = ws.reduce((sum, w) => sum + Math.abs(w), 0) / 4;
      const signs = ws.map((w) => (w < 0 ? -1 : 1));
      expect(codes.slice(4 * i, 4 * i + 4)).toEqual(signs);
      signs.forEach((each, j) => expect(levels[4 * i + j]).toBeCloseTo(each * alpha, 6));
    });
  });

  it.each(gradients)("has the whole gradient of α(w) · carrier(w), by finite differences: %s", async (gradient) => {
    const ws = [0.31, -0.72, 1.4, -0.05, 0.9, -1.3];
    const dy = [0.7, -1.1, 0.4, 2, -0.6, 1.5];
    const { dx } = await quantizeTensor(binaryWeight, { gradient, granularity: "per-tensor" }, tensor([2, 3], ws), dy);
    const alpha = (values: number[]) => values.reduce((sum, w) => sum + Math.abs(w), 0) / values.length;
    ws.forEach((_, i) => {
      const moved = (step: number) => ws.map((w, j) => (j === i ? w + step : w));
      // Two paths: through α with the signs held, and through sign with its stand-in and α held.
      const throughAlpha = (step: number) =>
        ws.reduce((sum, w, j) => sum + dy[j] * Math.sign(w) * alpha(moved(step)), 0);
      const one = (throughAlpha(1e-5) - throughAlpha(-1e-5)) / 2e-5;
      expect(dx[i]).toBeCloseTo(one + dy[i] * alpha(ws) * slope(carriers[gradient], ws[i]), 4);
    });
  });
});

describe("binary-activation", () => {
  testQuantizer(binaryActivation, { optionSets: [{}, ...gradients.map((gradient) => ({ gradient }))] });

  it("is the sign, +1 at 0", async () =>
    expect([...(await quantizeToCodes(binaryActivation, {}, [-9, -1e-30, 0, 1e-30, 9]))]).toEqual([-1, -1, 1, 1, 1]));

  it.each(gradients)("has the slope of its published carrier: %s", async (gradient) => {
    for (const x of [-4, -1.5, -0.99, -0.6, -0.2, 0.001, 0.3, 0.7, 0.99, 1.5, 4]) {
      expect(await gradientAt(binaryActivation, { gradient }, x)).toBeCloseTo(slope(carriers[gradient], x), 4);
    }
  });

  it.each([
    ["clipped-identity", [-1.001, -1, 1, 1.001], [0, 1, 1, 0]],
    ["approximate-sign", [-1.001, -1, -0.5, 0, 0.5, 1, 1.001], [0, 0, 1, 2, 1, 0, 0]],
    ["swish-sign", [-100, 0, 100], [0, 5, 0]],
  ] as const)("%s at its edges", async (gradient, xs, slopes) => {
    for (const [i, x] of xs.entries()) {
      expect(await gradientAt(binaryActivation, { gradient }, x)).toBeCloseTo(slopes[i], 6);
    }
  });
});
