import { createStream, normal } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { pact, parseOptions } from "../../src/index.js";
import { gradientAt, testQuantizer } from "../../src/testing/index.js";
import { quantizeTensor, tensor } from "../quantize-tensor.js";

const widths = [1, 2, 3, 4, 5, 6, 7, 8];

describe("pact", () => {
  testQuantizer(pact, {
    optionSets: [...widths.map((bits) => ({ bits })), ...widths.slice(1).map((bits) => ({ bits, signed: true }))],
  });

  it.each(widths)("gives 0.5 · (|x| − |x − α| + α), rounded to its grid, at %d bits", async (bits) => {
    const xs = normal(200, createStream(bits, "values")).map((x) => 3 * x);
    const alpha = 2.3;
    const { levels } = await quantizeTensor(pact, { bits }, tensor([2, 100], xs), undefined, { alpha });
    const n = 2 ** bits - 1;
    xs.forEach((x, i) => {
      const clipped = 0.5 * (Math.abs(x) - Math.abs(x - alpha) + alpha);
      expect(levels[i]).toBeCloseTo((Math.round((clipped * n) / alpha) * alpha) / n, 4);
    });
  });

  it("sends what is clipped to α, and the rest to the values", async () => {
    const xs = [-1, 0.5, 2, 2.5, 9];
    const dy = [10, 20, 30, 40, 50];
    const plain = await quantizeTensor(pact, { bits: 4 }, tensor([1, 5], xs), dy, { alpha: 2 });
    expect(plain.dLearned.alpha).toBe(30 + 40 + 50);
    expect(plain.dx).toEqual([0, 20, 0, 0, 0]);
    const signed = await quantizeTensor(pact, { bits: 4, signed: true }, tensor([1, 5], [-9, ...xs.slice(1)]), dy, {
      alpha: 2,
    });
    expect(signed.dLearned.alpha).toBe(-10 + 30 + 40 + 50);
    expect(signed.dx).toEqual([0, 20, 0, 0, 0]);
  });

  it.each([
    [-0.001, 0],
    [0, 1],
    [1.499, 1],
    [1.5, 0],
    [1.501, 0],
  ])("with α = 1.5 at %d has gradient %d", async (x, slope) =>
    expect(await gradientAt(pact, { bits: 2 }, x, { scale: 0.5, held: { alpha: 1.5 } })).toBe(slope),
  );

  it("says that α decays, and begins where values are moved least", () => {
    const options = parseOptions(pact, { bits: 2 });
    const alpha = pact.learned?.(options).alpha;
    expect(alpha?.decays).toBe(true);
    const values = normal(4000, createStream(1, "values"));
    const error = (clip: number) =>
      values.reduce(
        (sum, x) => sum + ((Math.round((Math.min(clip, Math.max(0, x)) * 3) / clip) * clip) / 3 - x) ** 2,
        0,
      );
    const first = alpha?.initial(values, options) as number;
    for (const other of [0.5, 0.8, 1.25, 2]) expect(error(first)).toBeLessThan(error(first * other));
    expect(alpha?.initial(Float32Array.of(0, 0), options)).toBeGreaterThan(0);
  });
});
