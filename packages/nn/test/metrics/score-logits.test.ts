import type { HostTensor } from "@lowbit/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rankOfLabel, scoreLogits } from "../../src/index.js";

const tensors = (rows: number[][], labels: number[]): [HostTensor, HostTensor] => [
  { dtype: "f32", shape: [rows.length, rows[0].length], data: Float32Array.from(rows.flat()) },
  { dtype: "i32", shape: [labels.length], data: Int32Array.from(labels) },
];

const smallNumbers = fc.integer({ min: -20, max: 20 }); // ties happen

describe("top-k", () => {
  it("is the place of the label when all classes are sorted, the first of equals first", () => {
    fc.assert(
      fc.property(fc.array(smallNumbers, { minLength: 1, maxLength: 12 }), fc.nat(), (logits, pick) => {
        const label = pick % logits.length;
        const sorted = logits.map((value, k) => ({ value, k })).sort((a, b) => b.value - a.value || a.k - b.k);
        expect(rankOfLabel(logits, label)).toBe(sorted.findIndex(({ k }) => k === label));
      }),
      { seed: 2 },
    );
  });

  it("gives every label a rank of its own, and more top-5 than top-1", () => {
    const rows = fc.array(fc.array(smallNumbers, { minLength: 7, maxLength: 7 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(rows, fc.nat({ max: 6 }), (values, label) => {
        const ranks = values[0].map((_, k) => rankOfLabel(values[0], k));
        expect([...ranks].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
        const [logits, labels] = tensors(
          values,
          values.map(() => label),
        );
        const { top1, top5, images } = scoreLogits(logits, labels);
        expect(images).toBe(values.length);
        expect(top1).toBeLessThanOrEqual(top5);
        expect(top5).toBe(
          values.filter((row) => row.filter((v, k) => v > row[label] || (v === row[label] && k < label)).length < 5)
            .length,
        );
      }),
      { seed: 3 },
    );
  });
});

describe("scoreLogits", () => {
  it("sums the cross-entropy −log(softmax), of huge logits too", () => {
    const [logits, labels] = tensors(
      [
        [1, 2, 3],
        [1000, 0, -1000],
      ],
      [2, 1],
    );
    const first = -Math.log(Math.E ** 3 / (Math.E + Math.E ** 2 + Math.E ** 3));
    expect(scoreLogits(logits, labels).loss).toBeCloseTo(first + 1000, 9);
  });

  it.each([
    [[[1, Number.NaN]], [0], /NaN or infinite/],
    [[[1, 2]], [2], /labels from 0 to 1/],
    [[[1, 2]], [-1], /labels from 0 to 1/],
    [[[1, 2]], [0, 1], /logits \[N, K\] and labels \[N\]/],
  ])("refuses %j with labels %j", (rows, labels, message) => {
    expect(() => scoreLogits(...tensors(rows, labels))).toThrow(message);
  });
});
