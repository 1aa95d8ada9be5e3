import { constantOf, createEngine, grad, matmul, mean, parameter, relu, type Tensor } from "@lowbit/core-tensor";
import { expect, it } from "vitest";
import { withActivationPenalty } from "../../src/index.js";

const x = [
  [0.3, -0.8, 1.1],
  [-0.6, 0.9, 0.2],
];
const first = [
  [0.5, -0.7, 0.2],
  [-0.3, 0.8, 0.6],
  [0.9, 0.1, -0.4],
  [0.7, 0.3, 0.5],
];
const second = [
  [0.4, -0.2, 0.8, 0.1],
  [-0.5, 0.6, 0.3, -0.9],
];
const penalty = 0.37;

const product = (rows: number[][], columns: number[][]): number[][] =>
  rows.map((row) => columns.map((column) => row.reduce((sum, value, k) => sum + value * column[k], 0)));
const average = (rows: number[][]): number => rows.flat().reduce((sum, value) => sum + value, 0) / rows.flat().length;

/** In float64: the mean logit is the loss; what the second layer reads is paid for, the images are not. */
function oracle(weights: number[][]): number {
  const hidden = product(x, weights).map((row) => row.map((value) => Math.max(0, value)));
  return average(product(hidden, second)) + penalty * average(hidden);
}

const tensorOf = (rows: number[][]): Tensor =>
  constantOf({ dtype: "f32", shape: [rows.length, rows[0].length], data: Float32Array.from(rows.flat()) });

it("a price on activations is L1 of what layers read of each other, and its gradient is that of finite differences", async () => {
  const engine = await createEngine({ backend: "js", float: "f64" });
  const weights = parameter("first", [4, 3], Float32Array.from(first.flat()));
  const lossOf = withActivationPenalty((logits) => mean(logits), penalty);
  const step = engine.compile((): Record<string, Tensor> => {
    const hidden = relu(matmul(tensorOf(x), weights.tensor, { transposeB: true }));
    const logits = matmul(hidden, tensorOf(second), { transposeB: true });
    const loss = lossOf(logits, tensorOf([[0]]));
    return { loss, slope: grad(loss, [weights])[0] };
  });
  const { loss, slope } = await step({});
  expect(loss.data[0]).toBeCloseTo(oracle(first), 6);
  const h = 1e-4;
  for (let i = 0; i < 12; i++) {
    const moved = (by: number) => first.map((row, m) => row.map((value, k) => (m * 3 + k === i ? value + by : value)));
    expect(slope.data[i]).toBeCloseTo((oracle(moved(h)) - oracle(moved(-h))) / (2 * h), 6);
  }
  await engine.close();
});

it("refuses a price below 0", () => {
  expect(() => withActivationPenalty((logits) => logits, -1)).toThrow(/can't cost -1/);
});
