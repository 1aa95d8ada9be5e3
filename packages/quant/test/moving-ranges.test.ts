import { createEngine, createStream, type Engine, type HostTensor, normal, type Variable } from "@lowbit/core-tensor";
import { compileTrainingStep, createModel, crossEntropyLoss, type Model, sgd } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { builtIns, convert, createRegistry, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const labels: HostTensor = { dtype: "i32", shape: [6], data: Int32Array.from([0, 1, 2, 3, 0, 1]) };
const inputShape = [1, 4, 4];

/** Images whose values reach further with each batch. */
const batch = (step: number): HostTensor => ({
  dtype: "f32",
  shape: [6, ...inputShape],
  data: normal(96, createStream(step, "images")).map((value) => value * (step + 1) + 0.5),
});

async function trained(schemeName: string, options: object, engine: Engine) {
  const scheme = registry.scheme(schemeName).withOptions(options);
  const plain = createModel("mlp", { inputShape, classes: 4, width: 0.1, seed: 2 });
  const model = await prepare(plain, { precision: "w4a4", scheme, registry, calibration: batch(0), firstLayer: true });
  const step = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser: sgd() });
  const take = (number: number, learningRate = 0.01) => step.run({ images: batch(number), labels, learningRate });
  const variable = (name: string) => model.variables.find((each) => each.name === name) as Variable;
  const read = async (name: string) => Array.from((await engine.read(variable(name))).data);
  return { model, take, read, variable };
}

const first = (model: Pick<Model, "variables">) => (model.variables[0] as Variable).name.replace(/\.weight$/, "");

describe("the range of a moving average", () => {
  it("follows the extremes of each batch, in float64 by hand, and the packed network goes by where it ended", async () => {
    const engine = await createEngine({ backend: "wasm", threads: 1 });
    const { model, take, read, variable } = await trained("affine", { observer: "moving-average:0.75" }, engine);
    const [s, z] = [`${first(model)}.input.step`, `${first(model)}.input.zeroPoint`];
    expect([variable(s).trainable, variable(z).trainable]).toEqual([false, false]);
    const n = 15;
    let [[step], [zero]] = [await read(s), await read(z)];
    let [min, max] = [-zero * step, (n - zero) * step];
    for (let i = 1; i <= 5; i++) {
      await take(i);
      const values = Array.from(batch(i).data);
      min = 0.75 * min + 0.25 * Math.min(0, ...values);
      max = 0.75 * max + 0.25 * Math.max(0, ...values);
      [[step], [zero]] = [await read(s), await read(z)];
      expect(step).toBeCloseTo((max - min) / n, 5);
      expect(zero).toBeCloseTo((-min * n) / (max - min), 4);
    }
    const logitsOf = async (each: Pick<Model, "forward">) => {
      const run = engine.compile(({ x }) => ({ logits: each.forward(x, { training: false }) }));
      return Array.from((await run({ x: batch(9) })).logits.data);
    };
    const evaluated = await logitsOf(model);
    expect([await read(s), await read(z)]).toEqual([[step], [zero]]); // an evaluation moves nothing
    expect(await logitsOf(await convert(model, engine))).toEqual(evaluated);
    await engine.close();
  });

  it.each([
    ["per-channel", (row: readonly number[]) => [row]],
    ["per-tensor", undefined],
    ["per-group:5", (row: readonly number[]) => [0, 1, 2, 3].map((g) => row.slice(5 * g, 5 * g + 5))],
  ])("follows weights %s, as training moves them", async (granularity, partsOf) => {
    const engine = await createEngine({ backend: "wasm", threads: 1 });
    const options = { weightObserver: "moving-average:0.5", granularity };
    const { model, take, read, variable } = await trained("uniform", options, engine);
    const name = `${first(model)}.weight`;
    const before = await read(`${name}.step`);
    const weights = await read(name); // a step goes by the weights before it
    await take(1, 0.5);
    const [M, K] = variable(name).shape;
    expect(K).toBe(16);
    const rows = Array.from({ length: M }, (_, m) => weights.slice(m * K, (m + 1) * K));
    const parts = partsOf ? rows.flatMap(partsOf) : [weights];
    const after = await read(`${name}.step`);
    expect(after).toHaveLength(parts.length);
    parts.forEach((part, i) => {
      const largest = Math.max(...part.map(Math.abs));
      expect(after[i]).toBeCloseTo(0.5 * before[i] + (0.5 * largest) / 7, 6);
    });
    expect(await read(name)).not.toEqual(weights);
    await engine.close();
  });

  it("stays where another observer found it", async () => {
    const engine = await createEngine({ backend: "wasm", threads: 1 });
    const { model, take, read } = await trained("uniform", { observer: "min-max" }, engine);
    const before = await read(`${first(model)}.input.step`);
    await take(3);
    expect(await read(`${first(model)}.input.step`)).toEqual(before);
    await engine.close();
  });
});
