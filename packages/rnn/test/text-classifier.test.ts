import { createEngine, type HostTensor } from "@lowbit/core-tensor";
import { createMemoryDisk, createStorage, openGeneration } from "@lowbit/core-tensor/storage";
import { adamW, compileTrainingStep, crossEntropyLoss } from "@lowbit/nn";
import { builtIns, createRegistry, type Quantization } from "@lowbit/quant";
import { plugin as wrpnPlugin } from "@lowbit/wrpn";
import { afterAll, describe, expect, it } from "vitest";
import { packedTextClassifiers, planCellQuantization, recurrentLayerNames, textClassifier } from "../src/index.js";

const registry = createRegistry(builtIns, wrpnPlugin);
const engine = await createEngine({ threads: 1 });
afterAll(() => engine.close());

const OPTIONS = { vocabulary: 7, classes: 2, hidden: 9, layers: 2, seed: 3 };
const PADDING = 7;

function make(cell: string, precision: string) {
  const cells = recurrentLayerNames(2).map((name) => ({ name, hiddenSize: 9 }));
  const quantization = planCellQuantization(cells, { precision, scheme: registry.scheme("wrpn") });
  return textClassifier({ cell, ...OPTIONS }, { quantization, registry });
}

/** Texts side by side, [T, N], filled up. */
function batchOf(texts: readonly (readonly number[])[], T: number): HostTensor {
  const N = texts.length;
  const data = new Int32Array(T * N).fill(PADDING);
  texts.forEach((text, n) => {
    text.forEach((token, t) => {
      data[t * N + n] = token;
    });
  });
  return { dtype: "i32", shape: [T, N], data };
}

const forward = (model: ReturnType<typeof make>) =>
  engine.compile(({ tokens }) => ({ logits: model.forward(tokens, { training: false }) }));

describe.each(["lstm", "gru", "vanilla"])("a text classifier of %s cells", (cell) => {
  it("says the same of a text, however far it is filled up and whatever stands beside it", async () => {
    const run = forward(make(cell, "w4a4"));
    const text = [1, 5, 2];
    const alone = (await run({ tokens: batchOf([text], 3) })).logits.data;
    const beside = (await run({ tokens: batchOf([text, [3, 3, 3, 3, 6]], 6) })).logits.data;
    expect([...beside.subarray(0, 2)]).toEqual([...alone]);
    const empty = (await run({ tokens: batchOf([[]], 4) })).logits.data;
    expect([...empty].every(Number.isFinite)).toBe(true);
  });

  it("learns which texts hold a token, and packed it computes the same bits", async () => {
    const model = make(cell, "w2a4");
    const step = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser: adamW({ weightDecay: 0 }) });
    const texts = [[1, 2, 6, 3], [1, 2, 3], [6], [4], [5, 6, 1], [5, 3, 1, 2]];
    const labels = {
      dtype: "i32",
      shape: [6],
      data: Int32Array.from(texts, (text) => Number(text.includes(6))),
    } as const;
    const tokens = batchOf(texts, 5);
    let last = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 60; i++) last = (await step.run({ images: tokens, labels, learningRate: 0.02 })).loss;
    expect(last).toBeLessThan(0.2); // by chance: 0.69
    const storage = createStorage(createMemoryDisk(), () => "t");
    const packed = await packedTextClassifiers.pack(model, engine, registry);
    await packedTextClassifiers.save(storage, "packed", { model: packed, engine, notes: {} });
    const generation = await openGeneration(storage, "packed");
    if (!generation) throw new Error("nothing was written");
    const parseQuantization = (stored: unknown) => stored as Quantization;
    const read = await packedTextClassifiers.read(generation, "packed", { registry, parseQuantization });
    expect(read.model.packedBytes).toBe(model.packedBytes);
    expect((await forward(read.model)({ tokens })).logits.data).toEqual((await forward(model)({ tokens })).logits.data);
  });
});

it.each([
  [{ cell: "lsmt" }, /did you mean "lstm"/],
  [{ classes: 1 }, /1 classes/],
  [{ hidden: 0 }, /hidden/],
])("makes none of %j", (change, message) => {
  const quantization = planCellQuantization([], { precision: "fp32", scheme: registry.scheme("wrpn") });
  const options = { cell: "lstm", ...OPTIONS, ...change };
  expect(() => textClassifier(options, { quantization, registry })).toThrow(message);
});
