import {
  constantOf,
  createEngine,
  createStream,
  grad,
  type HostTensor,
  multiply,
  normal,
  randomUniform,
  sum,
} from "@lowbit/core-tensor";
import { compileTrainingStep, createModel, crossEntropyLoss, sgd } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import {
  applyQuantization,
  builtIns,
  createRegistry,
  dorefaGradient,
  planQuantization,
  prepare,
} from "../src/index.js";
import { countStep, gradientKey, gradientStep, quantizeGradient } from "../src/quantize-gradient.js";
import { testQuantizer } from "../src/testing/index.js";

const registry = createRegistry(builtIns);
const shape = [4, 25];
const dr: HostTensor = {
  dtype: "f32",
  shape,
  data: normal(100, createStream(1, "dr")).map((value, i) => value * 10 ** -Math.floor(i / 25)), // each sample smaller
};

/** What flows back through the slot in each of some steps, and the noise of the first. */
async function flowBack(bits: number, steps: number, seed = 0, layer = "conv") {
  const engine = await createEngine({ backend: "js" });
  const step = gradientStep();
  const key = gradientKey(seed, layer);
  const bound = { quantizer: dorefaGradient, options: { bits }, learned: {}, key };
  const run = engine.compile(({ x, dy }) => {
    countStep(step);
    return { dx: grad(sum(multiply(quantizeGradient(x, bound, step), dy)), [x])[0] };
  });
  const results: number[][] = [];
  const x: HostTensor = { dtype: "f32", shape, data: new Float32Array(100) };
  for (let i = 0; i < steps; i++) results.push([...(await run({ x, dy: dr })).dx.data]);
  const place = constantOf({ dtype: "i32", shape: [4], data: Int32Array.of(0, 0, key[0], key[1]) });
  const [noise] = await engine.evaluate([randomUniform(place, { shape })]);
  await engine.close();
  return { results, sigma: [...noise.data].map((u) => u - 0.5) };
}

describe("dorefa-gradient", () => {
  testQuantizer(dorefaGradient, { optionSets: [1, 2, 3, 4, 5, 6, 7, 8].map((bits) => ({ bits })) });

  it.each([1, 2, 4, 8])("is eq. 12 of the paper at %d bits, with a scale of each sample's own", async (bits) => {
    const { results, sigma } = await flowBack(bits, 1);
    const n = 2 ** bits - 1;
    const values = [...dr.data];
    values.forEach((value, i) => {
      const sample = values.slice(25 * Math.floor(i / 25), 25 * Math.floor(i / 25) + 25);
      const most = Math.max(...sample.map(Math.abs));
      const place = n * (value / (2 * most) + 0.5) + sigma[i];
      if (Math.abs(place - Math.floor(place) - 0.5) < 1e-4) return; // a tie in float64 may be none in float32
      const wanted = 2 * most * (Math.min(n, Math.max(0, Math.round(place))) / n - 0.5);
      expect(results[0][i] / most).toBeCloseTo(wanted / most, 5);
    });
  });

  it.each([1, 3])(
    "rounds up as often as is right: the mean of many steps is the gradient, at %d bits",
    async (bits) => {
      const steps = 300;
      const { results } = await flowBack(bits, steps);
      const values = [...dr.data];
      const n = 2 ** bits - 1;
      values.forEach((value, i) => {
        const sample = values.slice(25 * Math.floor(i / 25), 25 * Math.floor(i / 25) + 25);
        const most = Math.max(...sample.map(Math.abs));
        const mean = results.reduce((total, each) => total + each[i], 0) / steps;
        const deviation = most / n / Math.sqrt(steps); // of a mean of two levels 2m / n apart, at most
        expect(Math.abs(mean - value)).toBeLessThan(5 * deviation);
      });
    },
  );

  it("draws other numbers in each step, layer and seed, and the same ones again", async () => {
    const { results } = await flowBack(2, 2);
    expect(results[1]).not.toEqual(results[0]);
    expect((await flowBack(2, 2)).results).toEqual(results);
    expect((await flowBack(2, 1, 1)).results[0]).not.toEqual(results[0]);
    expect((await flowBack(2, 1, 0, "fc")).results[0]).not.toEqual(results[0]);
  });
});

describe("a network with quantized gradients", () => {
  const plain = () => createModel("simple-cnn", { inputShape: [1, 8, 8], classes: 4, width: 0.5, seed: 1 });
  const images: HostTensor = { dtype: "f32", shape: [6, 1, 8, 8], data: normal(384, createStream(3, "images")) };
  const labels: HostTensor = { dtype: "i32", shape: [6], data: Int32Array.from([0, 1, 2, 3, 0, 1]) };

  async function trained(precision: string, threads: number | undefined, steps: number) {
    const engine = await createEngine(threads === undefined ? { backend: "js" } : { backend: "wasm", threads });
    const model = await prepare(plain(), { precision, scheme: registry.scheme("dorefa"), registry, seed: 7 });
    const training = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser: sgd() });
    for (let i = 0; i < steps; i++) await training.run({ images, labels, learningRate: 0.1 });
    const read = model.variables.map(async (each) => [each.name, [...(await engine.read(each)).data]] as const);
    const values = new Map(await Promise.all(read));
    await engine.close();
    return values;
  }

  it("learns the same on any number of threads, and otherwise than without", async () => {
    const [one, three] = [await trained("w2a4g3", 1, 2), await trained("w2a4g3", 3, 2)];
    expect(three).toEqual(one);
    expect(one.get("quantization.gradientStep")).toEqual([2]);
    const without = await trained("w2a4", 1, 2);
    expect(without.get("quantization.gradientStep")).toBeUndefined();
    expect(without.get("conv2.weight")).not.toEqual(one.get("conv2.weight"));
    expect(without.get("classifier.weight")).not.toEqual(one.get("classifier.weight")); // by what flows through conv2 before
  });

  it("is stored as what it is, and made again", async () => {
    const options = { precision: "w2a4g3", scheme: registry.scheme("dorefa"), registry, seed: 7 };
    const quantization = await planQuantization(plain(), options);
    expect(quantization.seed).toBe(7);
    expect(quantization.layers[0].gradient).toMatchObject({ quantizer: "dorefa-gradient", options: { bits: 3 } });
    const again = applyQuantization(plain(), JSON.parse(JSON.stringify(quantization)), registry);
    expect(again.variables.at(-1)?.name).toBe("quantization.gradientStep");
  });

  it("refuses bits that a scheme has not, and quantizers that can't see a gradient", async () => {
    const plan = (scheme: string, gradient?: object) =>
      planQuantization(plain(), {
        ...{ precision: gradient ? "w4a4" : "w4a4g4", scheme: registry.scheme(scheme), registry },
        overrides: gradient ? [{ layers: "conv2", gradient: { quantizer: "lsq", options: gradient } } as never] : [],
      });
    await expect(plan("uniform")).rejects.toThrow('scheme "uniform" has no 4-bit quantizer for gradients');
    const learning = await plan("uniform", { bits: 4, signed: true, of: "activations" });
    expect(() => applyQuantization(plain(), learning, registry)).toThrow(
      'lsq can\'t quantize the gradient of layer "conv2"',
    );
  });
});
