import { createStream, normal } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { groupWeight, powerOfTwoWeight } from "../../src/index.js";
import { testQuantizer } from "../../src/testing/index.js";
import { quantizeTensor, tensor } from "../quantize-tensor.js";

const widths = [2, 3, 4, 8];

/** Nearest code of w on the grid of step s, ties to even, in float64. */
function nearest(w: number, s: number, n: number): number {
  const [down, rest] = [Math.floor(w / s), w / s - Math.floor(w / s)];
  const rounded = rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
  return Math.max(-n, Math.min(n, rounded)) + 0;
}

describe("power-of-two-weight", () => {
  testQuantizer(powerOfTwoWeight, {
    optionSets: [...widths.map((bits) => ({ bits })), { bits: 4, granularity: "per-tensor" }],
  });

  it.each(widths)("takes the smallest power of two that reaches the largest weight, at %d bits", async (bits) => {
    const n = 2 ** (bits - 1) - 1;
    const rows = Array.from({ length: 40 }, (_, row) => {
      const ws = normal(9, createStream(row, "weights"));
      return Array.from(ws, (w) => Math.fround(w * 2 ** ((row % 20) - 12)));
    });
    rows[0] = rows[0].map((_, i) => (i === 0 ? n * 0.25 : 0)); // exactly a power: it is not doubled
    const { codes, levels } = await quantizeTensor(powerOfTwoWeight, { bits }, tensor([40, 9], rows.flat()));
    rows.forEach((ws, row) => {
      const largest = Math.max(...ws.map(Math.abs));
      let step = 2 ** -24;
      while (step * n < largest) step *= 2;
      ws.forEach((w, i) => {
        expect(codes[9 * row + i]).toBe(nearest(w, step, n));
        expect(levels[9 * row + i]).toBe(nearest(w, step, n) * step); // a shift: no rounding of its own
      });
    });
  });
});

describe("group-weight", () => {
  testQuantizer(groupWeight, { optionSets: widths.map((bits) => ({ bits, size: 8192 })) });

  it.each([
    [2, 4, [3, 8, 3, 3]],
    [4, 3, [2, 7, 1, 1]], // the last group has one channel
    [8, 16, [5, 10]],
    [3, 1, [2, 3, 2, 2]],
  ] as const)("gives each group its own grid: %d bits, groups of %d in %j", async (bits, size, shape) => {
    const n = 2 ** (bits - 1) - 1;
    const [M, C, ...rest] = shape;
    const taps = (rest as readonly number[]).reduce((product, each) => product * each, 1);
    const ws = normal(M * C * taps, createStream(bits, "weights")).map((w, i) => Math.fround(w * (1 + (i % 7))));
    const { codes, levels } = await quantizeTensor(groupWeight, { bits, size }, tensor(shape, ws));
    const groupAt = (i: number) => `${Math.floor(i / (C * taps))} ${Math.floor((Math.floor(i / taps) % C) / size)}`;
    ws.forEach((w, i) => {
      const own = Array.from(ws).filter((_, j) => groupAt(j) === groupAt(i));
      const step = Math.max(...own.map(Math.abs)) / n;
      const wanted = nearest(w, step, n);
      if (Math.abs(Math.abs(w / step - Math.trunc(w / step)) - 0.5) > 1e-5) expect(codes[i]).toBe(wanted);
      expect(levels[i]).toBeCloseTo(codes[i] * step, 4);
    });
  });
});
