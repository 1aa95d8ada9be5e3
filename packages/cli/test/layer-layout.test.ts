import { conv2d, createEngine, input, matmul, type Shape, type Tensor } from "@lowbit/core-tensor";
import { parseConfiguration, parseWorkload, runEvent } from "@lowbit/dlac-sim";
import { expect, it } from "vitest";
import { layInputs, layWeights, sizesOf } from "../src/layer-layout.js";

const numbers = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (Math.imul(index + seed, 0x9e3779b1) >>> 28) % 5);
const elements = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

type Build = (x: Tensor, w: Tensor) => Tensor;
const products: readonly [string, Shape, Shape, Build, boolean?][] = [
  ["x · w", [3, 5], [5, 4], (x, w) => matmul(x, w)],
  ["x · wᵀ", [3, 5], [4, 5], (x, w) => matmul(x, w, { transposeB: true })],
  ["xᵀ · w", [5, 3], [5, 4], (x, w) => matmul(x, w, { transposeA: true })],
  ["w · x", [5, 3], [4, 5], (x, w) => matmul(w, x), true],
  ["wᵀ · xᵀ", [3, 5], [5, 4], (x, w) => matmul(w, x, { transposeA: true, transposeB: true }), true],
  ["a convolution", [2, 4, 6, 5], [6, 2, 3, 2], (x, w) => conv2d(x, w, { stride: [2, 1], padding: 1, groups: 2 })],
  ["uneven padding", [1, 2, 5, 6], [3, 2, 3, 3], (x, w) => conv2d(x, w, { stride: 2, padding: [0, 1, 2, 1] })],
];

// The simulator's own outputs are the network's only where both operands lie where it reads them.
it.each(products)(
  "lays a layer's values as the simulator reads them: %s",
  async (_, xShape, wShape, build, isSwapped) => {
    const [x, w] = [numbers(elements(xShape), 1), numbers(elements(wShape), 7)];
    const engine = await createEngine({ backend: "js" });
    const run = engine.compile(({ x: data, w: weights }) => ({ y: build(data, weights) }));
    const { y } = await run({
      x: { dtype: "f32", shape: xShape, data: Float32Array.from(x) },
      w: { dtype: "f32", shape: wShape, data: Float32Array.from(w) },
    });
    const { data, shape } = y;
    const weight = input("w", wShape);
    const layer = { node: build(input("x", xShape), weight), weight };
    const [described] = parseWorkload({ layers: [{ name: "layer", ...sizesOf(layer, "layer") }] }).layers;
    const values = { inputs: layInputs(layer, x), weights: layWeights(layer, w) };
    const machine = parseConfiguration({ mode: "event", gridRows: 2, gridColumns: 3, lanes: 2 });
    if (machine.mode !== "event") throw new Error("not reached");
    const { outputs } = runEvent(described, machine, { values, withOutputs: true });
    // [filters, pixels] where the weight comes first
    const expected = Array.from(data, (value, index) => {
      const [filters, pixels] = shape;
      return isSwapped ? data[(index % filters) * pixels + Math.floor(index / filters)] : value;
    });
    expect([...(outputs ?? [])]).toEqual(expected);
    await engine.close();
  },
);
