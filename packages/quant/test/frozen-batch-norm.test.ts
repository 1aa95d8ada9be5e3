import { createEngine, createStream, type HostTensor, normal } from "@lowbit/core-tensor";
import { compileTrainingStep, createModel, crossEntropyLoss, sgd } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { builtIns, convert, createRegistry, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const images: HostTensor = { dtype: "f32", shape: [8, 1, 8, 8], data: normal(512, createStream(3, "images")) };
const labels: HostTensor = { dtype: "i32", shape: [8], data: Int32Array.from({ length: 8 }, (_, i) => i % 4) };

// conv2 is quantized, and batch norm follows it at once
describe("batch norm frozen at the end of training", () => {
  it.each([
    ["w1a1", "dorefa"],
    ["w2a2", "uniform"],
    ["w4a4", "affine"],
    ["w8a8", "lsq"],
  ])("computes in training what the packed network computes: %s by %s", async (precision, name) => {
    const engine = await createEngine({ backend: "wasm", threads: 1 });
    const plain = createModel("simple-cnn", { inputShape: [1, 8, 8], classes: 4, width: 0.5, seed: 1 });
    const model = await prepare(plain, {
      ...{ precision, scheme: registry.scheme(name), registry, calibration: images },
    });
    const step = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser: sgd() });
    const read = (part: string) =>
      Promise.all(
        model.variables
          .filter((each) => each.name.startsWith("bn") && each.name.endsWith(part))
          .map(async (each) => [...(await engine.read(each)).data]),
      );
    for (let i = 0; i < 3; i++) await step.run({ images, labels, learningRate: 0.05 });
    const [mean, gamma] = [await read("runningMean"), await read("gamma")];
    await step.run({ images, labels, learningRate: 0.05, frozenBatchNorm: true });
    expect(await read("runningMean")).toEqual(mean);
    expect(await read("gamma")).not.toEqual(gamma);

    const evaluate = engine.compile(({ x }) => ({ logits: model.forward(x, { training: false }) }));
    const packed = await convert(model, engine);
    const inPacked = engine.compile(({ x }) => ({ logits: packed.forward(x, { training: false }) }));
    const [fake, real] = [(await evaluate({ x: images })).logits, (await inPacked({ x: images })).logits];
    expect([...real.data]).toEqual([...fake.data]);
    const { logits } = await step.run({ images, labels, learningRate: 0.05, frozenBatchNorm: true }); // before its update
    logits.data.forEach((value, i) => expect(value).toBeCloseTo(real.data[i], 4));
    await engine.close();
  });
});
