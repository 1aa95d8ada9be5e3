import { createEngine, createStream, type HostTensor, normal } from "@lowbit/core-tensor";
import { compileTrainingStep, createModel, crossEntropyLoss, sgd } from "@lowbit/nn";
import { afterAll, expect, it } from "vitest";
import { builtIns, createRegistry, layerZeros, prepare } from "../src/index.js";

const registry = createRegistry(builtIns);
const engine = await createEngine({ backend: "js" });
afterAll(() => engine.close());
const inputShape = [1, 8, 8];
const images: HostTensor = { dtype: "f32", shape: [4, ...inputShape], data: normal(4 * 64, createStream(3, "images")) };
const labels: HostTensor = { dtype: "i32", shape: [4], data: Int32Array.from([0, 1, 2, 3]) };

const network = (precision: string, scheme: string, options = {}) =>
  prepare(createModel("resnet8", { inputShape, classes: 10, width: 0.25, seed: 1, ...options }), {
    ...{ precision, scheme: registry.scheme(scheme), registry, calibration: images },
  });

it("counts the zeros of every layer, those in full precision too", async () => {
  const model = await network("w2a32", "twn");
  const zeros = await layerZeros(model, engine)(images);
  expect(zeros.map(({ layer }) => layer)).toContain("stage2.block0.shortcut");
  const [first] = zeros;
  expect(first).toEqual({ layer: "conv1", weights: 0, inputs: 0 }); // never lowered, and its images have no zeros
  const inner = zeros.find(({ layer }) => layer === "stage1.block0.conv1");
  const weight = model.variables.find(({ name }) => name === "stage1.block0.conv1.weight");
  const ws = [...(weight?.initial ?? [])];
  const limit = (0.7 * ws.reduce((sum, w) => sum + Math.abs(w), 0)) / ws.length; // TWN, eq. 6
  expect(inner?.weights).toBeCloseTo(ws.filter((w) => Math.abs(w) <= limit).length / ws.length, 6);
  expect(inner?.inputs).toBeGreaterThan(0.2); // behind a ReLU
});

it("a raised ReLU threshold makes zeros in every layer behind a ReLU, and its inputs still count as unsigned", async () => {
  const [usual, raised] = await Promise.all([network("w2a2", "twn"), network("w2a2", "twn", { reluThreshold: 0.6 })]);
  const [before, after] = [await layerZeros(usual, engine)(images), await layerZeros(raised, engine)(images)];
  const behindRelu = before.flatMap(({ layer, inputs }, i) => (layer === "conv1" ? [] : [[inputs, after[i].inputs]]));
  const [least, more] = [0, 1].map((at) => behindRelu.reduce((sum, each) => sum + each[at], 0));
  expect(more).toBeGreaterThan(least * 1.1);
  const slots = (of: typeof usual) => of.quantization.layers.map(({ input }) => input?.quantizer);
  expect(slots(raised)).toEqual(slots(usual));
});

it("first steps in full precision leave what is learned alone, and it then starts from the weights as they are", async () => {
  const model = await network("w2a2", "lsq");
  const steps: number[] = [];
  const training = compileTrainingStep(engine, {
    ...{ model, loss: crossEntropyLoss, optimiser: sgd({ momentum: 0.9, weightDecay: 1e-4 }) },
    first: {
      steps: 2,
      forward: model.fullPrecision.forward,
      onEnd: async () => {
        steps.push(1);
        await model.startLearned(engine, images);
      },
    },
  });
  const step = model.variables.find(({ name }) => name === "stage1.block0.conv1.weight.step");
  const weight = model.variables.find(({ name }) => name === "stage1.block0.conv1.weight");
  if (!step || !weight) throw new Error("LSQ learns a step");
  const read = async () => (await engine.read(step)).data[0];
  const before = await read();
  for (const at of [0, 1]) await training.run({ images, labels, learningRate: 0.5, step: at });
  expect(await read()).toBe(before);
  const ws = [...(await engine.read(weight)).data];
  await training.run({ images, labels, learningRate: 0, step: 2 });
  expect(steps).toHaveLength(1);
  const mean = ws.reduce((sum, w) => sum + Math.abs(w), 0) / ws.length;
  expect(await read()).toBeCloseTo((2 * mean) / Math.sqrt(1), 5); // LSQ, section 2.1: 2 · mean |w| / √Q_P, Q_P = 1 of two bits
  expect(await read()).not.toBeCloseTo(before, 3);
});
