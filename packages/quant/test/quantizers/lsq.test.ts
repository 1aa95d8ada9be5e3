import { createStream, normal } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { lsq, lsqPlus, parseOptions } from "../../src/index.js";
import { testQuantizer } from "../../src/testing/index.js";
import { quantizeTensor, tensor } from "../quantize-tensor.js";

const widths = [1, 2, 3, 4, 5, 6, 7, 8];
const signedWidths = widths.slice(1);

/** The paper's table of a step's gradient, eq. 3, on plain numbers; ties, which the tests avoid, may go either way. */
function stepGradient(v: number, [low, high]: readonly [number, number]): number {
  return v <= low ? low : v >= high ? high : Math.round(v) - v;
}

describe("lsq", () => {
  testQuantizer(lsq, {
    optionSets: [
      ...signedWidths.map((bits) => ({ bits, signed: true, of: "weights" })),
      ...widths.map((bits) => ({ bits, signed: false, of: "activations" })),
    ],
  });

  it.each(widths)("takes every eighth of a step to its code at %d bits", async (bits) => {
    const eighths = Array.from({ length: 8 * (2 ** bits + 4) }, (_, i) => i - 16);
    const options = { bits, signed: false, of: "activations" };
    const { codes } = await quantizeTensor(
      lsq,
      options,
      tensor(
        [1, eighths.length],
        eighths.map((j) => (j / 8) * 0.25),
      ),
      undefined,
      { step: 0.25 },
    );
    const nearest = (j: number): number => {
      const whole = Math.floor(j / 8);
      const rest = j - 8 * whole;
      return rest < 4 || (rest === 4 && whole % 2 === 0) ? whole : whole + 1;
    };
    expect(codes).toEqual(eighths.map((j) => Math.min(2 ** bits - 1, Math.max(0, nearest(j)))));
  });

  it.each([
    [2, true, -2, 1],
    [3, true, -4, 3],
    [8, true, -128, 127],
    [1, false, 0, 1],
    [4, false, 0, 15],
  ])("has the paper's gradients of value and step at %d bits, signed %s", async (bits, signed, low, high) => {
    const xs = normal(60, createStream(bits, "values")).map((x) => x * 2);
    const dy = normal(60, createStream(bits, "gradients"));
    const step = 0.37;
    for (const of of ["weights", "activations"]) {
      const { dx, dLearned } = await quantizeTensor(lsq, { bits, signed, of }, tensor([5, 12], xs), dy, { step });
      const g = 1 / Math.sqrt((of === "weights" ? 60 : 12) * high);
      const wanted = xs.reduce((sum, x, i) => sum + dy[i] * stepGradient(x / step, [low, high]), 0);
      expect(dLearned.step).toBeCloseTo(g * wanted, 3);
      xs.forEach((x, i) => expect(dx[i]).toBeCloseTo(x / step >= low && x / step <= high ? dy[i] : 0, 6));
    }
  });

  it("begins at 2 · mean(|v|) / √Q", () => {
    const options = parseOptions(lsq, { bits: 3, signed: true, of: "weights" });
    expect(lsq.learned?.(options).step.initial(Float32Array.of(1, -2, 3, -2), options)).toBeCloseTo(
      4 / Math.sqrt(3),
      6,
    );
    expect(lsq.learned?.(options).step.initial(Float32Array.of(0, 0), options)).toBeGreaterThan(0);
  });

  it("refuses one bit for values that can be negative", () =>
    expect(() => parseOptions(lsq, { bits: 1, signed: true, of: "weights" })).toThrow("2 to 8 bits"));
});

describe("lsq-plus", () => {
  testQuantizer(lsqPlus, { optionSets: widths.map((bits) => ({ bits })) });

  it.each([1, 2, 4, 8])("has the paper's levels and gradients at %d bits", async (bits) => {
    const n = 2 ** bits - 1;
    const xs = normal(60, createStream(bits, "values"));
    const dy = normal(60, createStream(bits, "gradients"));
    const [step, offset] = [2.1 / n, -0.8];
    const result = await quantizeTensor(lsqPlus, { bits }, tensor([5, 12], xs), dy, { step, offset });
    const g = 1 / Math.sqrt(12 * n);
    let [dStep, dOffset] = [0, 0];
    xs.forEach((x, i) => {
      const v = (x - offset) / step;
      const isInside = v >= 0 && v <= n;
      const code = Math.round(Math.min(n, Math.max(0, v)));
      expect(result.codes[i]).toBe(code);
      expect(result.levels[i]).toBeCloseTo(code * step + offset, 5);
      expect(result.dx[i]).toBeCloseTo(isInside ? dy[i] : 0, 6);
      dStep += dy[i] * stepGradient(v, [0, n]);
      dOffset += isInside ? 0 : dy[i];
    });
    expect(result.dLearned.step).toBeCloseTo(g * dStep, 3);
    expect(result.dLearned.offset).toBeCloseTo(g * dOffset, 5);
  });

  it("begins with a grid that covers the values, and leaves an outlier out", () => {
    const begin = (values: Float32Array, bits: number) => {
      const learned = lsqPlus.learned?.({ bits });
      return [learned?.step.initial(values, { bits }) ?? 0, learned?.offset.initial(values, { bits }) ?? 0];
    };
    const even = Float32Array.from({ length: 256 }, (_, i) => i / 64 - 1);
    const [step, offset] = begin(even, 8);
    expect(step).toBeCloseTo(1 / 64, 3);
    expect(offset).toBeCloseTo(-1, 2);
    const [short] = begin(Float32Array.of(...even, 5), 2);
    expect(short).toBeLessThan(4 / 3);
  });
});
