import {
  conv2d,
  createEngine,
  createStream,
  type HostTensor,
  inLayer,
  matmul,
  normal,
  parameter,
  type Tensor,
} from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { builtIns, convert, createRegistry, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const scheme = registry.scheme("xnor").withOptions({ activationScale: "per-position" });

/** A model of one layer. */
function oneLayer(
  weightShape: readonly number[],
  inputShape: readonly number[],
  build: (x: Tensor, w: Tensor) => Tensor,
): Model {
  const size = weightShape.reduce((product, each) => product * each, 1);
  const weight = parameter("layer.weight", weightShape, normal(size, createStream(1, "weights")));
  const forward = (x: Tensor) => inLayer("layer", () => build(x, weight.tensor));
  return { name: "one", options: {}, inputShape, variables: [weight], forward };
}

/** What the layer makes in training, in evaluation and packed. */
async function outputs(model: Model, x: HostTensor) {
  const engine = await createEngine({ backend: "wasm", threads: 1 });
  const prepared = await prepare(model, { precision: "w1a1", scheme, registry, firstLayer: true, lastLayer: true });
  const packed = await convert(prepared, engine);
  const run = async (each: Model, training: boolean) => [
    ...(await engine.compile((t) => ({ y: each.forward(t.x, { training }) }))({ x })).y.data,
  ];
  const results = [await run(prepared, true), await run(prepared, false), await run(packed, false)];
  await engine.close();
  return results;
}

describe("xnor with a scale for each position", () => {
  it.each([
    [3, 1, 1],
    [3, 2, 1],
    [1, 1, 0],
    [2, 2, 0],
  ])("is the paper's eq. 11, window %d, stride %d, padding %d", async (window, stride, padding) => {
    const [N, C, H, M] = [2, 3, 6, 4];
    const x: HostTensor = { dtype: "f32", shape: [N, C, H, H], data: normal(N * C * H * H, createStream(2, "x")) };
    const model = oneLayer([M, C, window, window], [C, H, H], (v, w) => conv2d(v, w, { stride, padding }));
    const ws = model.variables[0].initial;
    const at = (n: number, c: number, i: number, j: number) =>
      i < 0 || j < 0 || i >= H || j >= H ? 0 : x.data[((n * C + c) * H + i) * H + j];
    const [training, evaluation, packed] = await outputs(model, x);
    const out = Math.floor((H + 2 * padding - window) / stride) + 1;
    const taps = window * window;
    const signOf = (value: number) => (value >= 0 ? 1 : -1);
    for (let index = 0; index < training.length; index++) {
      const [j, i] = [index % out, Math.floor(index / out) % out];
      const [m, n] = [Math.floor(index / out / out) % M, Math.floor(index / out / out / M)];
      let [dot, K, alpha] = [0, 0, 0];
      for (let c = 0; c < C; c++) {
        for (let tap = 0; tap < taps; tap++) {
          const [r, s] = [Math.floor(tap / window), tap % window];
          const value = at(n, c, i * stride + r - padding, j * stride + s - padding);
          const weight = ws[(m * C + c) * taps + tap];
          dot += value === 0 ? 0 : signOf(value) * signOf(weight); // no drawn value is 0: padding is
          K += Math.abs(value) / C / taps;
          alpha += Math.abs(weight) / C / taps;
        }
      }
      expect(evaluation[index]).toBeCloseTo(dot * alpha * K, 4);
      expect(training[index]).toBeCloseTo(dot * alpha * K, 4);
    }
    expect(packed).toEqual(evaluation);
  });

  it("has one number for each image where the layer is a matrix product", async () => {
    const x: HostTensor = {
      dtype: "f32",
      shape: [2, 5],
      data: Float32Array.of(1, -2, 3, -4, 5, 0.5, 0.5, -0.5, 0.5, 0.5),
    };
    const model = oneLayer([3, 5], [5], (v, w) => matmul(v, w, { transposeB: true }));
    const [training, evaluation, packed] = await outputs(model, x);
    const ws = model.variables[0].initial;
    evaluation.forEach((value, index) => {
      const [n, m] = [Math.floor(index / 3), index % 3];
      const row = Array.from({ length: 5 }, (_, k) => [x.data[5 * n + k], ws[5 * m + k]]);
      const mean = (column: number) => row.reduce((sum, each) => sum + Math.abs(each[column]), 0) / 5;
      const dot = row.reduce((sum, [a, w]) => sum + Math.sign(a) * Math.sign(w), 0);
      expect(value).toBeCloseTo(dot * mean(0) * mean(1), 4);
      expect(training[index]).toBeCloseTo(value, 5);
    });
    expect(packed).toEqual(evaluation);
  });

  it("refuses convolutions in groups, naming the layer", async () => {
    const model = oneLayer([4, 1, 3, 3], [2, 6, 6], (v, w) => conv2d(v, w, { groups: 2 }));
    const prepared = prepare(model, { precision: "w1a1", scheme, registry, firstLayer: true, lastLayer: true });
    await expect(prepared).rejects.toThrow('layer "layer" can\'t have a scale for each position of its input');
  });
});
