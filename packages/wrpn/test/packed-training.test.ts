import { createEngine, grad, type HostTensor } from "@lowbit/core-tensor";
import { createModel, crossEntropyLoss, sgd } from "@lowbit/nn";
import { builtIns, createRegistry, prepare } from "@lowbit/quant";
import { afterAll, describe, expect, it } from "vitest";
import { plugin } from "../src/index.js";

// A training step that keeps packed codes and masks for its backward pass must do what one that keeps float32 maps does, to the
// last bit, and take less memory.

const registry = createRegistry(builtIns, plugin);
const engine = await createEngine({ backend: "wasm", threads: 2 });
const reference = await createEngine({ backend: "js" });
afterAll(() => Promise.all([engine.close(), reference.close()]));

const memories = ["fp32", "packed", "recomputed"] as const;

async function trainSteps(
  on: typeof engine,
  modelName: string,
  precision: string,
  trainingMemory: (typeof memories)[number],
) {
  const inputShape = [1, 14, 14];
  const model = await prepare(createModel(modelName, { inputShape, classes: 10, width: 0.5, seed: 2 }), {
    precision,
    scheme: registry.scheme("wrpn"),
    registry,
    trainingMemory,
  });
  const parameters = model.variables.filter(({ trainable }) => trainable);
  const update = sgd({ momentum: 0.9 }).forParameters(parameters);
  const step = on.compile(({ images, labels, rate }) => {
    const logits = model.forward(images, { training: true });
    const loss = crossEntropyLoss(logits, labels);
    update.update(grad(loss, parameters), rate);
    const [result] = model.finishStep?.([loss], loss) ?? [loss];
    return { loss: result };
  });
  const batch = 8;
  const images: HostTensor = {
    dtype: "f32",
    shape: [batch, ...inputShape],
    data: Float32Array.from({ length: batch * 196 }, (_, i) => Math.sin(i * 0.37) + Math.cos(i * 0.011)),
  };
  const labels: HostTensor = {
    dtype: "i32",
    shape: [batch],
    data: Int32Array.from({ length: batch }, (_, i) => i % 10),
  };
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) {
    losses.push(
      (await step({ images, labels, rate: { dtype: "f32", shape: [], data: Float32Array.of(0.05) } })).loss.data[0],
    );
  }
  const weights = await Promise.all(model.variables.map(async (variable) => [...(await on.read(variable)).data]));
  return { losses, weights, scratchBytes: step.explain().programs[0].scratchBytes };
}

describe("training that keeps packed maps", () => {
  it.each([
    ["resnet8", "w2a2"],
    ["resnet8", "w1a1"],
    ["resnet8", "w4a4"],
    ["resnet8", "w8a8"],
    ["simple-cnn", "w2a2"],
    ["simple-cnn", "w32a3"],
    ["mlp", "w2a2"],
  ])("%s at %s has the same weights after three steps", async (model, precision) => {
    const kept = await trainSteps(engine, model, precision, "fp32");
    expect(new Set(kept.losses).size).toBe(3);
    for (const memory of memories.slice(1)) {
      const packed = await trainSteps(engine, model, precision, memory);
      expect(packed.losses).toEqual(kept.losses);
      expect(packed.weights).toEqual(kept.weights);
      // Where a network is so small that one layer's work is the peak, the packed maps come on top of it.
      if (model === "resnet8") expect(packed.scratchBytes).toBeLessThan(0.8 * kept.scratchBytes);
    }
  });

  it("agrees with the reference backend's own fp32 maps", async () => {
    const kept = await trainSteps(reference, "mlp", "w2a2", "fp32");
    const packed = await trainSteps(reference, "mlp", "w2a2", "packed");
    expect(packed).toEqual({ ...kept, scratchBytes: packed.scratchBytes });
  });
});
