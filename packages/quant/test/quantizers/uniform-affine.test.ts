import { createStream, type HostTensor, normal } from "@lowbit/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  groupWeight,
  parseOptions,
  type Quantizer,
  uniformAffine,
  uniformSymmetric,
  uniformUnsigned,
} from "../../src/index.js";
import { firstLearned } from "../../src/learned-values.js";
import { levelsOf, testQuantizer } from "../../src/testing/index.js";
import { quantizeTensor, tensor } from "../quantize-tensor.js";

const widths = [1, 2, 3, 4, 5, 6, 7, 8];

/** What a quantizer holds for its first values. */
function first<Options>(quantizer: Quantizer<Options>, written: unknown, values: HostTensor) {
  const learned = firstLearned(quantizer, parseOptions(quantizer, written), values);
  return Object.fromEntries(
    Object.entries(learned).map(([name, { shape, data }]) => [name, { shape, data: [...data] }]),
  );
}

describe("uniform-affine", () => {
  testQuantizer(uniformAffine, {
    optionSets: [
      ...widths.map((bits) => ({ bits })),
      { bits: 4, scale: "learned", of: "weights" },
      { bits: 3, granularity: "per-channel", observer: "mean-squared-error" },
      { bits: 2, granularity: "per-group", size: 8192, observer: "percentile:90" },
      { bits: 8, observer: "entropy" },
    ],
  });

  it.each(widths)("takes every eighth of a step to its code at %d bits, whatever the zero point", async (bits) => {
    const n = 2 ** bits - 1;
    for (const zeroPoint of new Set([0, 1, Math.floor(n / 3), n])) {
      const eighths = Array.from({ length: 8 * (n + 5) }, (_, i) => i - 8 * (zeroPoint + 2));
      const values = eighths.map((j) => (j / 8) * 0.25);
      const given = { step: 0.25, zeroPoint };
      const { codes, levels } = await quantizeTensor(
        uniformAffine,
        { bits },
        tensor([1, values.length], values),
        undefined,
        given,
      );
      // j eighths are code (j + 8 z) / 8; ties to the even one
      const wanted = eighths.map((j) => {
        const [whole, rest] = [Math.floor((j + 8 * zeroPoint) / 8), (((j + 8 * zeroPoint) % 8) + 8) % 8];
        const nearest = rest < 4 || (rest === 4 && whole % 2 === 0) ? whole : whole + 1;
        return Math.min(n, Math.max(0, nearest));
      });
      expect(codes).toEqual(wanted);
      expect(levels).toEqual(wanted.map((code) => (code - zeroPoint) * 0.25 + 0));
      expect(levels[eighths.indexOf(0)]).toBe(0);
    }
  });

  it("begins with a grid that has 0 among its levels, and both ends near those of the values", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 20 }),
        (bits, whole) => {
          const values = whole.map((each) => each / 64);
          const { step, zeroPoint } = first(uniformAffine, { bits }, tensor([1, values.length], values));
          const [s, z, n] = [step.data[0], zeroPoint.data[0], 2 ** bits - 1];
          expect(Number.isInteger(z) && z >= 0 && z <= n).toBe(true);
          const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
          expect(Math.abs(-z * s - low)).toBeLessThanOrEqual(s * 0.5001);
          expect(Math.abs((n - z) * s - high)).toBeLessThanOrEqual(s * 0.5001);
        },
      ),
      { seed: 1, numRuns: 40 },
    ));

  it.each(["per-channel", "per-group"])("has a grid of its own for each of them: %s", (granularity) => {
    const values = tensor([2, 3, 2, 1], normal(12, createStream(1, "weights")));
    const size = granularity === "per-group" ? 2 : undefined;
    const { step, zeroPoint } = first(uniformAffine, { bits: 3, granularity, ...(size && { size }) }, values);
    expect(step.shape).toEqual(size ? [2, 2, 1, 1, 1] : [2, 1, 1, 1]);
    const taps = size
      ? [
          [0, 1, 2, 3],
          [4, 5],
          [6, 7, 8, 9],
          [10, 11],
        ]
      : [
          [0, 1, 2, 3, 4, 5],
          [6, 7, 8, 9, 10, 11],
        ];
    taps.forEach((own, part) => {
      const ws = own.map((i) => (values.data as Float32Array)[i]);
      const [low, high] = [Math.min(0, ...ws), Math.max(0, ...ws)];
      expect(step.data[part]).toBeCloseTo((high - low) / 7, 6);
      expect(zeroPoint.data[part]).toBe(Math.round((-low * 7) / (high - low)));
    });
  });

  it("has the gradients of value, step and zero point that its formula has, times LSQ's g", async () => {
    const [bits, n, step, zeroPoint] = [3, 7, 0.3, 2];
    const xs = normal(60, createStream(2, "values"));
    const dy = normal(60, createStream(2, "gradients"));
    const options = { bits, scale: "learned", of: "activations" };
    const { dx, dLearned } = await quantizeTensor(uniformAffine, options, tensor([5, 12], xs), dy, { step, zeroPoint });
    let [dStep, dZero] = [0, 0];
    xs.forEach((x, i) => {
      const place = x / step + zeroPoint;
      const isInside = place >= 0 && place <= n;
      expect(dx[i]).toBeCloseTo(isInside ? dy[i] : 0, 6);
      dStep += dy[i] * (isInside ? Math.round(x / step) - x / step : place < 0 ? -zeroPoint : n - zeroPoint);
      dZero += dy[i] * (isInside ? 0 : -step);
    });
    const g = 1 / Math.sqrt(12 * n);
    expect(dLearned.step).toBeCloseTo(g * dStep, 4);
    expect(dLearned.zeroPoint).toBeCloseTo(g * dZero, 4);
  });

  it.each([
    [{ bits: 4, granularity: "per-group" }, "a number of input channels"],
    [{ bits: 4, size: 4 }, "a number of input channels"],
    [{ bits: 4, observer: "entropie" }, "did you mean entropy?"],
  ])("refuses %j", (options, want) => {
    expect(() => parseOptions(uniformAffine, options)).toThrow(want);
  });
});

describe("observed uniform grids", () => {
  testQuantizer(uniformSymmetric, {
    optionSets: [
      { bits: 2, observer: "entropy" },
      { bits: 4, observer: "mean-squared-error", granularity: "per-channel" },
      { bits: 8, observer: "percentile:99", granularity: "per-channel", axis: 1 },
    ],
  });
  testQuantizer(uniformUnsigned, {
    optionSets: [1, 2, 4, 8].map((bits) => ({ bits, observer: "moving-average" })),
  });
  testQuantizer(groupWeight, { optionSets: [{ bits: 3, size: 8192, observer: "mean-squared-error" }] });

  it("end where the observer says, and stay there", async () => {
    const values = [...Array.from({ length: 101 }, (_, i) => i / 100), 40];
    const { step } = first(uniformUnsigned, { bits: 4, observer: "percentile:90" }, tensor([1, 102], values));
    const [whole, rest] = [Math.floor(101 * 0.9), (101 * 0.9) % 1];
    expect(step.data[0]).toBeCloseTo((values[whole] + rest * (values[whole + 1] - values[whole])) / 15, 6);
    const levels = await levelsOf(uniformSymmetric, { bits: 3, observer: "min-max" }, [-0.3, 0, 0.6]);
    expect([...levels].map((level) => level.toFixed(4))).toEqual(["-0.4000", "0.0000", "0.6000"]); // -1.5 steps: to the even one
  });

  it("refuse an observer beside a range", () => {
    expect(() => parseOptions(uniformSymmetric, { bits: 4, range: 2, observer: "min-max" })).toThrow(
      "no observer where",
    );
    expect(() => parseOptions(uniformUnsigned, { bits: 4, range: 2, observer: "min-max" })).toThrow(
      "no observer where",
    );
  });
});
