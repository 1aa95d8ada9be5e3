import { createEngine, type Engine, type HostTensor, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { batchNormLayer } from "../../src/index.js";
import { randomNumbers } from "../oracles/blobs.js";

const [N, C, H, W] = [4, 3, 2, 5];
const EPSILON = 1e-5;
const values = (seed: number, length: number, spread = 1): Float32Array => {
  const random = randomNumbers(seed);
  return Float32Array.from({ length }, (_, i) => (random() * 2 - 1) * spread + (i % 7));
};

/** Mean, biased and unbiased variance of one channel, in float64 and in two passes. */
function moments(x: Float32Array, channel: number) {
  const own = [...x].filter((_, i) => Math.floor(i / (H * W)) % C === channel);
  const mean = own.reduce((sum, v) => sum + v, 0) / own.length;
  const squares = own.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, biased: squares / own.length, unbiased: squares / (own.length - 1) };
}

const tensor = (data: Float32Array): HostTensor => ({ dtype: "f32", shape: [N, C, H, W], data });
let engine: Engine;
beforeAll(async () => {
  engine = await createEngine({ backend: "js" });
});
afterAll(() => engine.close());

describe("batch norm", () => {
  const layer = batchNormLayer({ name: "bn", channels: C, seed: 0 });
  const [gamma, beta, runningMean, runningVariance] = layer.variables;
  const gammas = [1.5, -0.5, 0];
  const betas = [0.25, 1, -2];

  it("normalises by the batch in training, and moves its running statistics as PyTorch does", async () => {
    await engine.write(gamma, { dtype: "f32", shape: [C], data: Float32Array.from(gammas) });
    await engine.write(beta, { dtype: "f32", shape: [C], data: Float32Array.from(betas) });
    const train = engine.compile(({ x }: Record<string, Tensor>) => ({ y: layer.forward(x, { training: true }) }));
    const expectedMean = [0, 0, 0];
    const expectedVariance = [1, 1, 1];
    for (let t = 0; t < 3; t++) {
      const x = values(t + 1, N * C * H * W, 3);
      const { y } = await train({ x: tensor(x) });
      x.forEach((value, i) => {
        const c = Math.floor(i / (H * W)) % C;
        const { mean, biased } = moments(x, c);
        const expected = ((value - mean) / Math.sqrt(biased + EPSILON)) * gammas[c] + betas[c];
        expect(Math.abs(y.data[i] - expected)).toBeLessThan(1e-5);
      });
      for (let c = 0; c < C; c++) {
        const { mean, unbiased } = moments(x, c);
        expectedMean[c] = 0.9 * expectedMean[c] + 0.1 * mean;
        expectedVariance[c] = 0.9 * expectedVariance[c] + 0.1 * unbiased;
      }
    }
    const [means, variances] = [await engine.read(runningMean), await engine.read(runningVariance)];
    for (let c = 0; c < C; c++) {
      expect(means.data[c]).toBeCloseTo(expectedMean[c], 5);
      expect(variances.data[c]).toBeCloseTo(expectedVariance[c], 4);
    }
  });

  it("is x · a + b of the running statistics in evaluation, to the bit", async () => {
    const evaluate = engine.compile(({ x }: Record<string, Tensor>) => ({ y: layer.forward(x, { training: false }) }));
    const f = Math.fround;
    const state = async (variable: typeof gamma) => (await engine.read(variable)).data;
    const [g, b, mean, variance] = await Promise.all([gamma, beta, runningMean, runningVariance].map(state));
    const x = values(9, N * C * H * W, 3);
    const { y } = await evaluate({ x: tensor(x) });
    x.forEach((value, i) => {
      const c = Math.floor(i / (H * W)) % C;
      const slope = f(g[c] / f(Math.sqrt(f(variance[c] + f(EPSILON)))));
      const shift = f(b[c] - f(mean[c] * slope));
      expect(y.data[i]).toBe(f(f(value * slope) + shift));
    });
  });

  it("names its nodes", async () => {
    const evaluate = engine.compile(({ x }: Record<string, Tensor>) => {
      const y = layer.forward(x, { training: false });
      for (const node of topologicalOrder([y])) {
        if (node.inputs.length > 0) expect(node.layer).toBe("bn");
      }
      return { y };
    });
    await evaluate({ x: { dtype: "f32", shape: [5, C], data: values(3, 5 * C) } });
  });

  it("refuses to train on one value per channel", async () => {
    const train = engine.compile(({ x }: Record<string, Tensor>) => ({ y: layer.forward(x, { training: true }) }));
    await expect(train({ x: { dtype: "f32", shape: [1, C], data: values(3, C) } })).rejects.toThrow(
      /can't take x \[1, 3\][\s\S]*layer "bn"[\s\S]*at least 2 values/,
    );
  });
});
