import { constantOf, createEngine, type Engine, parameter, type Tensor, type Variable } from "@lowbit/core-tensor";
import { afterEach, describe, expect, it } from "vitest";
import { adam, adamW, type Optimiser, sgd } from "../../src/index.js";
import { randomNumbers } from "../oracles/blobs.js";

// The oracles below are written per number and in float64, from the papers and PyTorch's documentation; lr, gradients and
// weights are given. `weight` is of rank 2 and decays, `bias` of rank 1 and does not.

type Rule = (w: number, g: number, lr: number, t: number, decays: boolean) => number;

function sgdRule({ momentum = 0, nesterov = false, weightDecay = 0 }): () => Rule {
  return () => {
    let v = 0;
    return (w, dw, lr, _, decays) => {
      const g = dw + (decays ? weightDecay * w : 0);
      v = momentum * v + g;
      return w - lr * (nesterov ? g + momentum * v : v);
    };
  };
}

function adamRule({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, l2 = 0, decoupled = 0 }): () => Rule {
  return () => {
    let [m, v] = [0, 0];
    return (w, dw, lr, t, decays) => {
      const g = dw + (decays ? l2 * w : 0);
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const mHat = m / (1 - beta1 ** t);
      const vHat = v / (1 - beta2 ** t);
      return w - (decays ? lr * decoupled * w : 0) - (lr * mHat) / (Math.sqrt(vHat) + epsilon);
    };
  };
}

const engines: Engine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

const STEPS = 50;
const lrAt = (t: number): number => 0.1 / Math.sqrt(t);

async function follow(optimiser: Optimiser, rule: () => Rule): Promise<void> {
  const engine = await createEngine({ backend: "js", float: "f64" });
  engines.push(engine);
  const random = randomNumbers(11);
  const draw = (n: number) => Float32Array.from({ length: n }, () => random() * 2 - 1);
  const parameters: Variable[] = [parameter("layer.weight", [2, 3], draw(6)), parameter("layer.bias", [4], draw(4))];
  const expected = parameters.map(({ initial }) => Float64Array.from(initial));
  const rules = parameters.map(({ initial }) => Array.from(initial, rule));
  const update = optimiser.forParameters(parameters);
  const step = engine.compile((inputs: Record<string, Tensor>) => {
    update.update([inputs.weight, inputs.bias], inputs.learningRate);
    return {};
  });
  for (let t = 1; t <= STEPS; t++) {
    const [weight, bias] = [draw(6), draw(4)];
    const learningRate = Float64Array.of(lrAt(t));
    await step({
      weight: { dtype: "f32", shape: [2, 3], data: weight },
      bias: { dtype: "f32", shape: [4], data: bias },
      learningRate: { dtype: "f32", shape: [], data: learningRate },
    });
    [weight, bias].forEach((gradient, p) => {
      gradient.forEach((g, i) => {
        expected[p][i] = rules[p][i](expected[p][i], g, lrAt(t), t, p === 0);
      });
    });
  }
  for (const [p, variable] of parameters.entries()) {
    const { data } = await engine.read(variable);
    // Constants such as 0.9 are f32 in a graph: 3e-8 off, for each of the steps that an average remembers.
    for (const [i, value] of data.entries()) expect(Math.abs(value - expected[p][i])).toBeLessThan(2e-6);
  }
}

describe("optimisers", () => {
  it.each([
    [{}],
    [{ momentum: 0.9 }],
    [{ momentum: 0.9, nesterov: true }],
    [{ weightDecay: 0.1 }],
    [{ momentum: 0.9, nesterov: true, weightDecay: 0.1 }],
  ])("sgd %j follows its formula", (options) => follow(sgd(options), sgdRule(options)));

  it.each([
    ["adam", adam(), adamRule({})],
    ["adam with L2", adam({ weightDecay: 0.1 }), adamRule({ l2: 0.1 })],
    [
      "adam with other averages",
      adam({ betas: [0.5, 0.9], epsilon: 0.01 }),
      adamRule({ beta1: 0.5, beta2: 0.9, epsilon: 0.01 }),
    ],
    ["adamW", adamW(), adamRule({ decoupled: 0.01 })],
    ["adamW with more decay", adamW({ weightDecay: 0.5 }), adamRule({ decoupled: 0.5 })],
  ])("%s follows its formula", (_, optimiser, rule) => follow(optimiser, rule));

  it("adam's first step is lr · sign(gradient), even in f32", async () => {
    const engine = await createEngine({ backend: "js" });
    engines.push(engine);
    const w = parameter("w", [3], new Float32Array(3));
    const update = adam().forParameters([w]);
    const step = engine.compile(() => {
      update.update(
        [constantOf({ dtype: "f32", shape: [3], data: Float32Array.of(5, -0.01, 100) })],
        constantOf(0.125),
      );
      return {};
    });
    await step({});
    const moved = [...(await engine.read(w)).data];
    for (const [i, value] of [-0.125, 0.125, -0.125].entries()) expect(Math.abs(moved[i] - value)).toBeLessThan(1e-6);
  });

  it.each([
    [() => sgd({ momentum: 1 }), /momentum 1/],
    [() => sgd({ momentum: Number.NaN }), /momentum NaN/],
    [() => sgd({ nesterov: true }), /needs a momentum/],
    [() => sgd({ weightDecay: -1 }), /weightDecay -1/],
    [() => adam({ betas: [0.9, 1] }), /betas \[0.9, 1\]/],
    [() => adamW({ epsilon: 0 }), /epsilon 0/],
  ])("refuses %s", (make, message) => {
    expect(make).toThrow(message);
  });

  it("keeps its own variables under the parameters' names", () => {
    const parameters = [parameter("a.weight", [1, 1], new Float32Array(1))];
    const names = (optimiser: Optimiser) => optimiser.forParameters(parameters).variables.map(({ name }) => name);
    expect(names(sgd())).toEqual([]);
    expect(names(sgd({ momentum: 0.9 }))).toEqual(["a.weight.momentum"]);
    expect(names(adamW())).toEqual([
      "a.weight.firstMoment",
      "a.weight.secondMoment",
      "adamw.firstMomentSeen",
      "adamw.secondMomentSeen",
    ]);
  });
});
