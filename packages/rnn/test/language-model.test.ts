import { createEngine, type HostTensor } from "@lowbit/core-tensor";
import { createMemoryDisk, createStorage, openGeneration } from "@lowbit/core-tensor/storage";
import { adamW, clipGradients, compileTrainingStep, crossEntropyLoss, resetCarried } from "@lowbit/nn";
import { builtIns, createRegistry, type Quantization } from "@lowbit/quant";
import { plugin as wrpnPlugin } from "@lowbit/wrpn";
import { afterAll, describe, expect, it } from "vitest";
import {
  generateTokens,
  type LanguageModel,
  languageModel,
  packedLanguageModels,
  planCellQuantization,
  recurrentLayerNames,
} from "../src/index.js";

const registry = createRegistry(builtIns, wrpnPlugin);
const engine = await createEngine({ threads: 2 });
afterAll(() => engine.close());

const OPTIONS = { vocabulary: 11, hidden: 17, layers: 2, streams: 3, seed: 4 };

function make(name: string, precision: string, options = OPTIONS, scheme = "wrpn", decided = {}): LanguageModel {
  const cells = recurrentLayerNames(options.layers).map((each) => ({ name: each, hiddenSize: options.hidden }));
  const quantization = planCellQuantization(cells, {
    precision,
    scheme: registry.scheme(scheme).withOptions(decided),
  });
  return languageModel(name, options, { quantization, registry });
}

/** A text that goes round in circles, [T, N]: each token is followed by one and the same. */
function circles(T: number, N: number, from = 0): HostTensor {
  const data = Int32Array.from({ length: T * N }, (_, i) => ((Math.floor(i / N) + from + (i % N)) * 3) % 11);
  return { dtype: "i32", shape: [T, N], data };
}

const forward = (model: LanguageModel) =>
  engine.compile(({ tokens }) => ({ logits: model.forward(tokens, { training: false }) }));

async function trained(name: string, precision: string, steps: number) {
  const model = make(name, precision);
  const optimiser = clipGradients(adamW({ weightDecay: 0 }), { norm: 1 });
  const step = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const labels = circles(8, 3, i * 8 + 1);
    const batch = { images: circles(8, 3, i * 8), labels: { ...labels, shape: [24] }, learningRate: 0.01 };
    losses.push((await step.run(batch)).loss);
  }
  return { model, losses };
}

describe.each(["lstm", "gru", "vanilla"])("a language model of %s cells", (name) => {
  it("reads a text in pieces as it reads it whole, and from its beginning again when it is told so", async () => {
    const model = make(name, "w4a4");
    const run = forward(model);
    const whole = (await run({ tokens: circles(12, 2) })).logits.data;
    await resetCarried(engine, model);
    const first = (await run({ tokens: circles(6, 2) })).logits.data;
    const second = (await run({ tokens: circles(6, 2, 6) })).logits.data;
    expect([...first, ...second]).toEqual([...whole]);
    expect((await run({ tokens: circles(6, 2) })).logits.data).not.toEqual(first);
    await resetCarried(engine, model);
    expect((await run({ tokens: circles(6, 2) })).logits.data).toEqual(first);
  });

  it("learns a text that goes round in circles, in four bits", async () => {
    const { losses } = await trained(name, "w4a4", 60);
    expect(losses[0]).toBeGreaterThan(2);
    expect(losses[59]).toBeLessThan(0.7);
  });

  it.each(["w4a4", "w2a4", "w1a1", "w8a8", "w3a32", "w32a2", "fp32"])(
    "computes the same bits when it is packed, written and read: %s",
    async (precision) => {
      const { model } = await trained(name, precision, 3);
      await resetCarried(engine, model);
      const storage = createStorage(createMemoryDisk(), () => "t");
      const packed = await packedLanguageModels.pack(model, engine, registry);
      await packedLanguageModels.save(storage, "packed", { model: packed, engine, notes: { a: 1 } });
      const generation = await openGeneration(storage, "packed");
      if (!generation) throw new Error("nothing was written");
      const parseQuantization = (stored: unknown) => stored as Quantization;
      const read = await packedLanguageModels.read(generation, "packed", { registry, parseQuantization });
      expect(read.notes).toEqual({ a: 1 });
      expect(read.model.packedBytes).toBe(model.packedBytes);
      expect(read.model.latentBytes).toBe(model.latentBytes);
      const [fake, real] = [forward(model), forward(read.model)];
      for (const from of [0, 9]) {
        const tokens = circles(9, 4, from);
        expect((await real({ tokens })).logits.data).toEqual((await fake({ tokens })).logits.data);
      }
    },
  );
});

it("takes fewer bytes packed, the fewer its bits", () => {
  const big = { ...OPTIONS, hidden: 128 };
  const bytes = (precision: string) => make("lstm", precision, big).packedBytes;
  const { latentBytes } = make("lstm", "fp32", big);
  expect(bytes("fp32")).toBe(latentBytes);
  // Two layers of 8·H² weights at 4 bits; embedding, biases, output layer and scales stay fp32.
  expect(bytes("w4a4")).toBe(latentBytes - 2 * 8 * 128 ** 2 * 4 + (2 * 8 * 128 ** 2) / 2 + 4 * 4);
  expect(bytes("w1a4")).toBeLessThan(bytes("w2a4"));
});

it("observes the scales of its matrices, and keeps them in its checkpoint", async () => {
  const model = make("gru", "w4a4", OPTIONS, "uniform", { weightObserver: "mean-squared-error" });
  const steps = model.variables.filter(({ name }) => name.endsWith(".step"));
  expect(steps.map(({ name, shape }) => [name, shape])).toEqual(
    ["layer0", "layer1"].flatMap((layer) =>
      ["weight", "recurrent"].map((part) => [`${layer}.${part}.step`, [3 * 17, 1]]),
    ),
  );
  expect(steps.every(({ initial }) => new Set(initial).size > 10)).toBe(true);
  const packed = await packedLanguageModels.pack(model, engine, registry);
  const tokens = circles(5, 2);
  expect((await forward(packed)({ tokens })).logits.data).toEqual((await forward(model)({ tokens })).logits.data);
});

it("refuses what its cells can't have, naming layer and slot", () => {
  const words =
    (decided: object, scheme: string, precision = "w4a4") =>
    () =>
      make("lstm", precision, OPTIONS, scheme, decided);
  expect(words({ granularity: "per-group:4" }, "uniform")).toThrow(/group-weight can't quantize a matrix[\s\S]*weight/);
  expect(words({ observer: "entropy" }, "uniform")).toThrow(/can't quantize an edge of a recurrent layer[\s\S]*input/);
  expect(words({}, "affine")).toThrow(/uniform-affine can't quantize a matrix/);
  expect(words({ activationScale: "per-position" }, "xnor", "w32a1")).toThrow(
    /binary-activation can't quantize an edge/,
  );
  expect(words({}, "dorefa", "w4a4g4")).toThrow("recurrent layers have no 4-bit gradients");
});

it("quantizes by another scheme, with a scale for each row", async () => {
  const model = make("gru", "w4a4", OPTIONS, "uniform");
  const packed = await packedLanguageModels.pack(model, engine, registry);
  const tokens = circles(5, 2);
  expect((await forward(packed)({ tokens })).logits.data).toEqual((await forward(model)({ tokens })).logits.data);
});

describe("options", () => {
  it("ties the output layer to the embedding: one matrix, one gradient", async () => {
    const [own, tied] = [make("lstm", "fp32"), make("lstm", "fp32", { ...OPTIONS, tied: true } as typeof OPTIONS)];
    expect(own.latentBytes - tied.latentBytes).toBe(4 * 11 * 17);
    const run = forward(tied);
    const before = (await run({ tokens: circles(3, 1) })).logits.data;
    const table = tied.variables.find(({ name }) => name === "embedding.weight");
    if (!table) throw new Error("there is no embedding");
    const bias = tied.variables.find(({ name }) => name === "output.bias");
    expect(bias).toBeDefined();
    await engine.write(table, { dtype: "f32", shape: [11, 17], data: new Float32Array(11 * 17) });
    await resetCarried(engine, tied);
    expect((await run({ tokens: circles(3, 1) })).logits.data).toEqual(new Float32Array(33)); // nothing to multiply with
    expect(before).not.toEqual(new Float32Array(33));
    const packed = await packedLanguageModels.pack(tied, engine, registry);
    expect((await forward(packed)({ tokens: circles(3, 1) })).logits.data).toEqual(new Float32Array(33));
  });

  it.each([false, true])(
    "drops units in training alone (the same in all steps: %s), and goes on learning",
    async (variational) => {
      const model = make("gru", "w4a4", { ...OPTIONS, dropout: 0.3, variational } as typeof OPTIONS);
      const optimiser = adamW({ weightDecay: 0 });
      const step = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser });
      const labels = { ...circles(8, 3, 1), shape: [24] };
      const losses: number[] = [];
      for (let i = 0; i < 60; i++) {
        losses.push((await step.run({ images: circles(8, 3), labels, learningRate: 0.01 })).loss);
      }
      expect(losses[59]).toBeLessThan(losses[0] - 0.5);
      const run = forward(model);
      const first = (await run({ tokens: circles(4, 2) })).logits.data;
      await resetCarried(engine, model);
      expect((await run({ tokens: circles(4, 2) })).logits.data).toEqual(first);
    },
  );
});

describe("a text that goes on", () => {
  const collect = async (model: LanguageModel, options: object) => {
    const tokens: number[] = [];
    for await (const token of generateTokens(engine, model, { prompt: [3], length: 12, ...options }))
      tokens.push(token);
    return tokens;
  };

  it("is that of the network's likeliest tokens at temperature 0", async () => {
    const { model } = await trained("lstm", "w4a4", 60);
    const prompt = [...circles(8, 1).data];
    const want = [...circles(12, 1, 8).data];
    expect(await collect(model, { prompt, temperature: 0 })).toEqual(want);
    expect(await collect(await packedLanguageModels.pack(model, engine, registry), { prompt, temperature: 0 })).toEqual(
      want,
    );
  });

  it("is the same for a seed, another for another, and never has a token that is left out", async () => {
    const model = make("gru", "w2a2");
    const first = await collect(model, { seed: 1 });
    expect(await collect(model, { seed: 1 })).toEqual(first);
    expect(await collect(model, { seed: 2 })).not.toEqual(first);
    expect(await collect(model, { seed: 1, length: 200, without: [0, 5] })).not.toContain(5);
  });

  it.each([
    [{ prompt: [] }, /prompt/],
    [{ prompt: [11] }, /each from 0 to 10/],
    [{ temperature: -1 }, /temperature can't be -1/],
  ])("refuses %j", (options, message) => expect(collect(make("lstm", "fp32"), options)).rejects.toThrow(message));
});

describe("refusals", () => {
  it("knows three cells", () =>
    expect(() => make("lsmt", "fp32")).toThrow(/no language model "lsmt"[\s\S]*did you mean "lstm"/));

  it.each([
    [{ hidden: 0 }, "hidden"],
    [{ vocabulary: 1 }, "vocabulary"],
    [{ layers: 1.5 }, "layers"],
    [{ dropout: 1 }, "dropout"],
    [{ colour: 1 }, "colour"],
  ])("makes no model of %j", (options, name) => {
    const quantization = planCellQuantization([], { precision: "fp32", scheme: registry.scheme("wrpn") });
    expect(() => languageModel("lstm", { ...OPTIONS, ...options }, { quantization, registry })).toThrow(name);
  });

  it("trains with the streams that it was made for, on tokens", async () => {
    const model = make("lstm", "fp32");
    const train = engine.compile(({ tokens }) => ({ y: model.forward(tokens, { training: true }) }));
    await expect(train({ tokens: circles(4, 2) })).rejects.toThrow(/tokens \[T, 3\] of i32/);
  });

  it("reads no packed tensors of another shape, too few or too many", async () => {
    const model = make("lstm", "w4a4");
    const { options, quantization } = model;
    const names = [...model.stored()];
    const values = await engine.evaluate(names.map(([, tensor]) => tensor));
    const packed = new Map(names.map(([each], i) => [each, values[i]]));
    const build = (changed: ReadonlyMap<string, HostTensor>) => () =>
      languageModel("lstm", options, { quantization, registry, packed: changed });
    expect(build(packed)).not.toThrow();
    const without = new Map(packed);
    without.delete("layer1.recurrent.scale");
    expect(build(without)).toThrow(/no tensor "layer1.recurrent.scale"/);
    const strange = new Map(packed).set("layer7.weight", values[0]);
    expect(build(strange)).toThrow(/"layer7.weight" belongs to no layer/);
    const other = new Map(packed).set("output.bias", { dtype: "f32", shape: [12], data: new Float32Array(12) });
    expect(build(other)).toThrow(/"output.bias" is f32 \[12\][\s\S]*f32 \[11\]/);
  });
});
