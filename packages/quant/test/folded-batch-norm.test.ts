import { createEngine, createStream, type Engine, type HostTensor, normal, type Variable } from "@lowbit/core-tensor";
import { compileTrainingStep, createModel, crossEntropyLoss, type Model, sgd } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { builtIns, convert, createRegistry, type LayerOverride, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const images: HostTensor = { dtype: "f32", shape: [8, 1, 8, 8], data: normal(512, createStream(3, "images")) };
const labels: HostTensor = { dtype: "i32", shape: [8], data: Int32Array.from({ length: 8 }, (_, i) => i % 4) };
const inputShape = [1, 8, 8];
const cnn = () => createModel("simple-cnn", { inputShape, classes: 4, width: 0.5, seed: 1 });

const perTensor = (bits: number): LayerOverride => ({
  layers: "conv2",
  precision: `w${bits}a${bits}`,
  weight: { quantizer: "uniform-symmetric", options: { bits, granularity: "per-tensor" } },
});
const oneBit: LayerOverride = {
  layers: "conv2",
  precision: "w1a1",
  scheme: "xnor",
  weight: { quantizer: "binary-weight", options: { granularity: "per-tensor" } },
};

async function logitsOf(engine: Engine, model: Pick<Model, "forward">): Promise<number[]> {
  const run = engine.compile(({ x }) => ({ logits: model.forward(x, { training: false }) }));
  return [...(await run({ x: images })).logits.data];
}

const named = (model: Pick<Model, "variables">, name: string) =>
  model.variables.find((each) => each.name === name) as Variable;

/** What is folded, in float32 and in the order that is declared, but outside of any graph: a · w, b, and a batch norm that adds b. */
async function foldByHand(from: Engine, to: Engine, model: Model): Promise<void> {
  for (const variable of model.variables) await to.write(variable, await from.read(variable));
  const read = async (name: string) => (await from.read(named(model, name))).data;
  const [w, gamma, beta] = [await read("conv2.weight"), await read("bn2.gamma"), await read("bn2.beta")];
  const [mean, variance] = [await read("bn2.runningMean"), await read("bn2.runningVariance")];
  const { fround, sqrt } = Math;
  const a = Array.from(gamma, (each, i) => fround(each / fround(sqrt(fround(variance[i] + fround(1e-5))))));
  const write = (name: string, valueAt: (i: number) => number) => {
    const variable = named(model, name);
    const data = Float32Array.from(variable.initial, (_, i) => valueAt(i));
    return to.write(variable, { dtype: "f32", shape: variable.shape, data });
  };
  const perChannel = w.length / a.length;
  await write("conv2.weight", (i) => fround(w[i] * a[Math.floor(i / perChannel)]));
  await write("bn2.beta", (i) => fround(beta[i] - fround(mean[i] * a[i])));
  await write("bn2.gamma", () => 1);
  await write("bn2.runningMean", () => 0);
  await write("bn2.runningVariance", () => 1 - 1e-5);
}

describe("batch norm folded into quantized weights", () => {
  it.each([
    ["1", oneBit],
    ["2", perTensor(2)],
    ["4", perTensor(4)],
    ["8", perTensor(8)],
  ])("has the same numbers in training, in evaluation, packed and folded by hand at %s bits", async (_, override) => {
    const engine = await createEngine({ backend: "wasm", threads: 1 });
    const other = await createEngine({ backend: "wasm", threads: 1 });
    const options = { precision: "fp32", scheme: registry.scheme("uniform"), registry, overrides: [override] };
    const plain = cnn();
    const model = await prepare(plain, { ...options, foldBatchNorm: true });
    const step = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser: sgd() });
    const take = (frozenBatchNorm: boolean) => step.run({ images, labels, learningRate: 0.05, frozenBatchNorm });
    for (let i = 0; i < 3; i++) await take(false);
    const gamma = named(model, "bn2.gamma");
    const { data, shape } = await engine.read(gamma); // no two channels alike, and one turned over
    await engine.write(gamma, { dtype: "f32", shape, data: Float32Array.from(data, (_, i) => 0.4 * i - 0.5) });
    await take(true);
    expect((await engine.read(gamma)).data[0]).not.toBeCloseTo(-0.5, 6); // the gradient reaches γ through the rounding

    const evaluated = await logitsOf(engine, model);
    expect(await logitsOf(engine, await convert(model, engine))).toEqual(evaluated);
    await foldByHand(engine, other, plain);
    const byHand = await logitsOf(other, await prepare(plain, options));
    byHand.forEach((value, i) => expect(value).toBeCloseTo(evaluated[i], 5));
    const beside = await logitsOf(engine, await prepare(plain, options));
    expect(beside.some((value, i) => Math.abs(value - evaluated[i]) > 1e-3)).toBe(true); // one scale for all: folding matters
    const { logits } = await take(true); // before its update
    logits.data.forEach((value, i) => expect(value).toBeCloseTo(evaluated[i], 4));
    await Promise.all([engine.close(), other.close()]);
  });

  it("changes next to nothing where each channel has a scale, and nothing before the last epochs", async () => {
    const engine = await createEngine({ backend: "wasm", threads: 1 });
    const plain = cnn();
    const options = { precision: "w8a8", scheme: registry.scheme("uniform"), registry };
    const [folded, beside] = [await prepare(plain, { ...options, foldBatchNorm: true }), await prepare(plain, options)];
    const trainedLogits = (model: Model, frozenBatchNorm: boolean) =>
      engine.compile(({ x }) => ({ y: model.forward(x, { training: true, frozenBatchNorm }) }))({ x: images });
    const data = [...(await trainedLogits(folded, false)).y.data];
    expect(data).toEqual([...(await trainedLogits(beside, false)).y.data]);
    const [a, b] = [await logitsOf(engine, folded), await logitsOf(engine, beside)];
    a.forEach((value, i) => expect(value).toBeCloseTo(b[i], 1));
    await engine.close();
  });

  it.each([
    ["lsq", "w4a4", 'batch norm can\'t be folded into the weights of layer "conv2"'],
    ["dorefa", "w2a2", "the levels of dorefa-weight are made once or have a fixed size"],
    ["affine", "w4a4", "the levels of uniform-affine"],
    ["uniform", "w32a4", "simple-cnn has no batch norm to fold"],
  ])("refuses %s at %s", async (name, precision, message) => {
    const scheme = registry.scheme(name);
    const prepared = prepare(cnn(), { precision, scheme, registry, calibration: images, foldBatchNorm: true });
    await expect(prepared).rejects.toThrow(message);
  });
});
