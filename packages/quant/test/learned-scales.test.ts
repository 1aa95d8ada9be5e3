import { createEngine, createStream, type HostTensor, normal } from "@lowbit/core-tensor";
import { compileTrainingStep, createModel, crossEntropyLoss, type Optimiser, sgd } from "@lowbit/nn";
import { describe, expect, it } from "vitest";
import { applyQuantization, builtIns, createRegistry, type PreparedModel, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const inputShape = [1, 12, 12];
const images: HostTensor = {
  dtype: "f32",
  shape: [16, ...inputShape],
  data: normal(16 * 144, createStream(3, "images")),
};
const labels: HostTensor = { dtype: "i32", shape: [16], data: Int32Array.from({ length: 16 }, (_, i) => i % 10) };

const plain = () => createModel("resnet8", { inputShape, classes: 10, width: 0.5, seed: 1 });
const learning = (scheme: string, precision: string, scaleLearningRate?: number) =>
  prepare(plain(), {
    ...{ precision, scheme: registry.scheme(scheme), registry, calibration: images },
    ...(scaleLearningRate !== undefined && { scaleLearningRate }),
  });

const learnedOf = ({ variables }: PreparedModel) => variables.filter(({ group }) => group !== undefined);

/** One step of training; what the learned numbers were and are. */
async function step(model: PreparedModel, optimiser: Optimiser, learningRate: number) {
  const engine = await createEngine({ backend: "js" });
  const training = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser });
  const read = () => Promise.all(learnedOf(model).map(async (each) => [...(await engine.read(each)).data]));
  const before = await read();
  await training.run({ images, labels, learningRate });
  const after = await read();
  await engine.close();
  return { before: before.flat(), after: after.flat() };
}

describe("learned scales", () => {
  it.each([
    ["lsq", "w2a2", ["weight.step", "input.step"]],
    ["lsq-plus", "w4a4", ["weight.step", "input.step", "input.offset"]],
    ["pact", "w2a2", ["input.alpha"]],
    ["ttq", "w2a8", ["weight.positive", "weight.negative"]],
  ])("of %s join the model's variables, begin from statistics, and move", async (scheme, precision, parts) => {
    const model = await learning(scheme, precision);
    const names = model.quantization.layers.flatMap(({ layer }) => parts.map((part) => `${layer}.${part}`));
    expect(learnedOf(model).map(({ name }) => name)).toEqual(names);
    const { before, after } = await step(model, sgd(), 0.5);
    expect(before.every((value) => Number.isFinite(value) && value !== 1)).toBe(true);
    expect(new Set(before).size).toBeGreaterThan(before.length / 2); // each layer's own
    expect(after.filter((value, i) => value !== before[i]).length).toBeGreaterThan(before.length / 2);
  });

  it("learn at their own rate", async () => {
    const one = await step(await learning("lsq", "w2a2"), sgd(), 0.5);
    const ten = await step(await learning("lsq", "w2a2", 10), sgd(), 0.5);
    expect(ten.before).toEqual(one.before);
    one.after.forEach((value, i) => {
      const moved = value - one.before[i];
      expect(ten.after[i] - ten.before[i]).toBeCloseTo(10 * moved, 3);
    });
  });

  it("decay only where their quantizer says so", async () => {
    const heavy = () => sgd({ weightDecay: 0.5 });
    const rate = 1e-3; // the gradients of the loss are alike in both runs: what differs is the decay
    for (const [scheme, decays] of [
      ["pact", true],
      ["lsq", false],
    ] as const) {
      const [without, withDecay] = [
        await step(await learning(scheme, "w2a2"), sgd(), rate),
        await step(await learning(scheme, "w2a2"), heavy(), rate),
      ];
      without.after.forEach((value, i) => {
        const wanted = decays ? rate * 0.5 * without.before[i] : 0;
        expect(value - withDecay.after[i]).toBeCloseTo(wanted, 6);
      });
    }
  });

  it("of inputs need calibration images, and say so", async () => {
    const prepared = prepare(plain(), { precision: "w2a2", scheme: registry.scheme("lsq"), registry });
    await expect(prepared).rejects.toThrow("needs images to begin with");
    await expect(prepared).rejects.toThrow("calibration: a batch of normalised images");
  });

  it("are 1 in a model that a checkpoint will fill", async () => {
    const { quantization } = await learning("lsq", "w2a2");
    const again = applyQuantization(plain(), JSON.parse(JSON.stringify(quantization)), registry);
    expect(learnedOf(again).every(({ initial }) => [...initial].every((value) => value === 1))).toBe(true);
  });
});

describe("a quantization that a model can't have", () => {
  const planned = async () => (await learning("lsq", "w2a2")).quantization;
  it("names a layer that is not there", async () => {
    const { layers, ...rest } = await planned();
    const wrong = { ...rest, layers: [{ ...layers[0], layer: "stage9.conv" }] };
    expect(() => applyQuantization(plain(), wrong, registry)).toThrow('resnet8 has no layer "stage9.conv"');
  });

  it("names a layer whose scales no integer kernel can apply", async () => {
    const { layers, ...rest } = await planned();
    const choice = (axis: number) => ({
      quantizer: "uniform-symmetric",
      version: 1,
      options: { bits: 4, range: "max-abs", granularity: "per-channel", axis },
    });
    const weight = { ...rest, layers: [{ layer: layers[0].layer, weight: { ...choice(1), gain: 1 } }] };
    expect(() => applyQuantization(plain(), weight, registry)).toThrow(
      `the weight of layer "${layers[0].layer}" can't have a scale along axis 1`,
    );
    const edge = { ...rest, layers: [{ layer: layers[0].layer, input: choice(0) }] };
    expect(() => applyQuantization(plain(), edge, registry)).toThrow("can't have more than one scale");
  });
});
