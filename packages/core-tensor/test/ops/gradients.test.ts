import { afterAll, describe, expect, it } from "vitest";
import {
  batchMoments,
  batchNormalise,
  buildNode,
  createEngine,
  grad,
  type HostTensor,
  multiply,
  operations,
  sum,
  type Tensor,
} from "../../src/index.js";
import { randomNumbers, randomTensor } from "../oracles/random-values.js";

const engine = await createEngine({ backend: "js", float: "f64" });
afterAll(() => engine.close());

const STEP = 1e-5;

type Build = (inputs: Record<string, Tensor>) => Tensor;

/** Compares grad() of Σ weights · build(inputs) with central differences, for every element of every f32 input. */
async function checkGradient(build: Build, inputs: Record<string, HostTensor>, seed: number): Promise<void> {
  const random = randomNumbers(seed);
  const named = Object.entries(inputs).filter(([, { dtype }]) => dtype === "f32");
  const shape = (await engine.compile((tensors) => ({ y: build(tensors) }))(inputs)).y.shape;
  const weights = randomTensor(random, shape);
  const loss = (tensors: Record<string, Tensor>) => sum(multiply(build(tensors), tensors.weights));
  const value = engine.compile((tensors) => ({ loss: loss(tensors) }));
  const gradient = engine.compile((tensors) => {
    const gradients = grad(
      loss(tensors),
      named.map(([name]) => tensors[name]),
    );
    return Object.fromEntries(gradients.map((each, i) => [named[i][0], each]));
  });
  const analytic = await gradient({ ...inputs, weights });
  for (const [name, tensor] of named) {
    const numeric: number[] = [];
    for (let i = 0; i < tensor.data.length; i++) {
      const at = async (shift: number) => {
        const data = Float64Array.from(tensor.data);
        data[i] += shift;
        return (await value({ ...inputs, weights, [name]: { ...tensor, data } })).loss.data[0];
      };
      numeric.push(((await at(STEP)) - (await at(-STEP))) / (2 * STEP));
    }
    const got = Array.from(analytic[name].data);
    const worst = Math.max(0, ...numeric.map((each, i) => Math.abs(each - got[i]) / (1 + Math.abs(each))));
    expect(worst, `${name}: ${got} against ${numeric}`).toBeLessThan(1e-6);
  }
}

const differentiable = [...operations.values()].filter((op) => op.gradient && !op.isStraightThrough);
const cases = differentiable.flatMap((op) =>
  op.examples.map((example, i) => ({ name: `${op.name} ${i}`, op, example })),
);

describe("gradients against finite differences in float64", () => {
  it.each(cases)("$name", async ({ op, example }) => {
    const random = randomNumbers(7);
    const inputs = Object.fromEntries(
      example.shapes.map((shape, i) => {
        const { range, kinks } = example;
        return [`x${i}`, randomTensor(random, shape, { dtype: example.dtypes?.[i], range, kinks })];
      }),
    );
    const names = Object.keys(inputs);
    const build: Build = (tensors) =>
      buildNode(
        op,
        names.map((name) => tensors[name]),
        example.attributes,
      );
    const { y } = await engine.compile((tensors) => ({ y: build(tensors) }))(inputs);
    if (y.dtype !== "f32") return; // whole numbers: no slope to check, and grad() refuses them
    await checkGradient(build, inputs, 11);
  });

  it("batch norm as a whole: moments of the input itself", () => {
    const random = randomNumbers(3);
    const inputs = {
      x: randomTensor(random, [4, 3, 2, 2]),
      gamma: randomTensor(random, [3]),
      beta: randomTensor(random, [3]),
    };
    return checkGradient(
      ({ x, gamma, beta }) => batchNormalise(x, batchMoments(x), gamma, beta, { epsilon: 0.1 }),
      inputs,
      5,
    );
  });

  it("the gradient of a gradient: d²/dx² of Σ w · tanh(x)³ through every rule on the way", () => {
    const random = randomNumbers(9);
    const tanhOp = operations.get("tanh") as NonNullable<ReturnType<typeof operations.get>>;
    const cube = (x: Tensor) => {
      const t = buildNode(tanhOp, [x]);
      return multiply(multiply(t, t), t);
    };
    return checkGradient(({ x }) => grad(sum(cube(x)), [x])[0], { x: randomTensor(random, [5]) }, 5);
  });

  it("the second derivative of convolution followed by square", () => {
    const random = randomNumbers(2);
    const conv = operations.get("conv2d") as NonNullable<ReturnType<typeof operations.get>>;
    const inputs = { x: randomTensor(random, [1, 2, 4, 4]), w: randomTensor(random, [2, 2, 3, 3]) };
    const build: Build = ({ x, w }) => {
      const y = buildNode(conv, [x, w], { padding: 1, stride: 2 });
      return grad(sum(multiply(multiply(y, y), y)), [x])[0];
    };
    return checkGradient(build, inputs, 5);
  });
});
