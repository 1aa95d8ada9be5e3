import {
  add,
  conv2d,
  createEngine,
  createStream,
  type HostTensor,
  inLayer,
  input,
  maxPool2d,
  normal,
  parameter,
  relu,
  type Tensor,
  topologicalOrder,
} from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { afterAll, describe, expect, it } from "vitest";
import { builtIns, convert, createRegistry, type PreparedModel, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const engine = await createEngine({ backend: "wasm", threads: 1 });
afterAll(() => engine.close());

const inputShape = [3, 9, 11];
const images: HostTensor = {
  ...{ dtype: "f32", shape: [2, ...inputShape] },
  data: normal(2 * 3 * 9 * 11, createStream(3, "images")).map((value) => 2 * value),
};

/** A stem with max pool, then y = conv(pool) + pool. `times`: how often the pool is built, once for both readers or for each. */
function residualModel(times: 1 | 2, activation: (x: Tensor) => Tensor): Model {
  const weights = [
    parameter("stem.weight", [5, 3, 3, 3], normal(135, createStream(1, "stem"))),
    parameter("conv.weight", [5, 5, 3, 3], normal(225, createStream(2, "conv"))),
  ];
  const [first, second] = weights.map(({ tensor }) => tensor);
  const pooled = (x: Tensor) => {
    const stem = inLayer("stem", () => conv2d(x, first, { padding: 1 }));
    return maxPool2d(activation(stem), { window: 3, stride: 2, padding: 1 });
  };
  const forward = (x: Tensor) => {
    const pool = pooled(x);
    const y = inLayer("conv", () => conv2d(pool, second, { padding: 1 }));
    return add(y, times === 1 ? pool : pooled(x));
  };
  return { name: "residual", options: {}, inputShape, variables: weights, forward };
}

const evaluated = async (model: Model) =>
  (await engine.compile(({ x }) => ({ y: model.forward(x, { training: false }) }))({ x: images })).y.data;

const countPools = (model: PreparedModel) =>
  topologicalOrder([model.forward(input("x", images.shape), { training: false })]).filter(
    ({ op }) => op.name === "maxPool2d",
  ).length;

const cases = [
  ["dorefa", "w2a2"],
  ["dorefa", "w1a4"],
  ["lsq", "w2a2"],
  ["lsq-plus", "w4a4"],
  ["pact", "w4a4"],
  ["uniform", "w4a8"],
  ["affine", "w2a8"],
] as const;
const prepared = (times: 1 | 2, [scheme, precision]: readonly [string, string], activation: (x: Tensor) => Tensor) =>
  prepare(residualModel(times, activation), {
    ...{ precision, registry, scheme: registry.scheme(scheme), lastLayer: true, calibration: images },
  });

describe("quantizing an edge behind a max pool whose values are needed anyway", () => {
  it.each(cases)("%s at %s: pools once, and computes what two pools do", async (...scheme) => {
    for (const activation of [relu, (x: Tensor) => x]) {
      const [shared, apart] = [await prepared(1, scheme, activation), await prepared(2, scheme, activation)];
      expect(await evaluated(shared)).toEqual(await evaluated(apart));
      expect(await evaluated(await convert(shared, engine))).toEqual(await evaluated(apart));
      expect([countPools(shared), countPools(apart)]).toEqual([1, 2]);
    }
  });

  it("leaves signs before ReLU and pool: behind them all would be +1", async () => {
    const scheme = ["xnor", "w1a1"] as const;
    const [shared, apart] = [await prepared(1, scheme, relu), await prepared(2, scheme, relu)];
    expect(await evaluated(shared)).toEqual(await evaluated(apart));
    expect(countPools(shared)).toBe(2);
  });
});
