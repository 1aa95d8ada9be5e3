import { createStream, normal } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { ttq } from "../../src/index.js";
import { testQuantizer } from "../../src/testing/index.js";
import { allRows, quantizeTensor, tensor } from "../quantize-tensor.js";

describe("ttq", () => {
  testQuantizer(ttq, { optionSets: [{}] });

  it("has the paper's levels and gradients, those of the magnitudes divided by the root of how many weights there are", async () => {
    const ws = normal(80, createStream(1, "weights")).map((w) => w * 0.1);
    ws[3] = 2; // Δ = 0.1
    const dy = normal(80, createStream(2, "gradients"));
    const [positive, negative] = [0.7, 0.4];
    const result = await quantizeTensor(ttq, {}, tensor([8, 10], ws), dy, { positive, negative });
    const side = (w: number) => (w > 0.1 ? 1 : w < -0.1 ? -1 : 0);
    const sums = { positive: 0, negative: 0 };
    ws.forEach((w, i) => {
      const level = [-negative, 0, positive][side(w) + 1];
      expect(result.codes[i]).toBe(side(w));
      expect(result.levels[i]).toBeCloseTo(level, 6);
      expect(result.dx[i]).toBeCloseTo(dy[i] * [negative, 1, positive][side(w) + 1], 6);
      if (side(w) > 0) sums.positive += dy[i];
      if (side(w) < 0) sums.negative -= dy[i];
    });
    expect(new Set(result.codes)).toEqual(new Set([-1, 0, 1]));
    expect(result.dLearned.positive).toBeCloseTo(sums.positive / Math.sqrt(80), 5);
    expect(result.dLearned.negative).toBeCloseTo(sums.negative / Math.sqrt(80), 5);
  });

  it("cuts every row of four small whole numbers at a twentieth of its largest", async () => {
    const { rows } = allRows(3, 2);
    for (const row of rows.slice(0, 60)) {
      const ws = [...row.map((w) => w / 40), 1]; // Δ = 2 / 40, itself not above
      const { codes } = await quantizeTensor(ttq, {}, tensor([1, 4], ws), undefined, { positive: 1, negative: 1 });
      expect(codes).toEqual([0, 0, 0, 1]);
    }
    const wider = await quantizeTensor(ttq, {}, tensor([1, 4], [3 / 40, -3 / 40, 0, 1]), undefined, {
      positive: 1,
      negative: 1,
    });
    expect(wider.codes).toEqual([1, -1, 0, 1]);
  });

  it("begins with the mean magnitude of each side", () => {
    const learned = ttq.learned?.({});
    const values = Float32Array.of(1, 0.5, 0.01, -0.2, -0.4, -0.04);
    expect(learned?.positive.initial(values, {})).toBeCloseTo(0.75, 6);
    expect(learned?.negative.initial(values, {})).toBeCloseTo(0.3, 6);
    expect(learned?.positive.initial(Float32Array.of(-1), {})).toBeGreaterThan(0);
  });
});
