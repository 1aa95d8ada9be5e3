import { constantOf, createEngine, grad, parameter, type Tensor } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { crossEntropyLoss, smoothedCrossEntropyLoss } from "../../src/index.js";

const rows = [
  [1, -2, 0.5, 3],
  [0, 0, 0, 0],
  [-1, 4, 2, -3],
];
const labels = [3, 1, 2];

/** Σ_k q(k) · −log p(k), averaged; q = 1 − s on the label plus s / K everywhere. */
function oracle(values: number[][], s: number): number {
  const each = values.map((row, n) => {
    const total = row.reduce((sum, v) => sum + Math.exp(v), 0);
    return row.reduce(
      (sum, v, k) => sum - ((k === labels[n] ? 1 - s : 0) + s / row.length) * Math.log(Math.exp(v) / total),
      0,
    );
  });
  return each.reduce((sum, v) => sum + v, 0) / each.length;
}

describe.each([0, 0.1, 0.5])("cross-entropy with labels smoothed by %d", (smoothing) => {
  it("is its formula, and so is its gradient", async () => {
    const engine = await createEngine({ backend: "js", float: "f64" });
    const logits = parameter("logits", [3, 4], Float32Array.from(rows.flat()));
    const lossOf = smoothing === 0 ? crossEntropyLoss : smoothedCrossEntropyLoss(smoothing);
    const step = engine.compile((): Record<string, Tensor> => {
      const loss = lossOf(logits.tensor, constantOf({ dtype: "i32", shape: [3], data: Int32Array.from(labels) }));
      return { loss, slope: grad(loss, [logits])[0] };
    });
    const { loss, slope } = await step({});
    expect(loss.data[0]).toBeCloseTo(oracle(rows, smoothing), 6);
    const h = 1e-4;
    for (let i = 0; i < 12; i++) {
      const moved = (by: number) => rows.map((row, n) => row.map((v, k) => (n * 4 + k === i ? v + by : v)));
      const difference = (oracle(moved(h), smoothing) - oracle(moved(-h), smoothing)) / (2 * h);
      expect(slope.data[i]).toBeCloseTo(difference, 6);
    }
    await engine.close();
  });
});

it("refuses to smooth everything away", () => {
  expect(() => smoothedCrossEntropyLoss(1)).toThrow(/smoothed by 1/);
});
