import { createEngine, type Engine } from "@lowbit/core-tensor";
import { afterEach, describe, expect, it } from "vitest";
import { cosineSchedule, createModel, type EpochReport, evaluateModel, sgd, train } from "../../src/index.js";
import { blobLoader } from "../oracles/blobs.js";

const engines: Engine[] = [];
async function makeEngine(): Promise<Engine> {
  const engine = await createEngine({ backend: "js" });
  engines.push(engine);
  return engine;
}
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

describe("train", () => {
  it.each(["mlp", "simple-cnn", "resnet8"])("teaches %s a small set by heart", async (name) => {
    const engine = await makeEngine();
    const loader = blobLoader({ images: 24, shape: [1, 8, 8], classes: 4, batch: 8 });
    const model = createModel(name, { inputShape: [1, 8, 8], classes: 4, width: 0.25, seed: 3 });
    const epochs: EpochReport[] = [];
    const { start, result } = await train({
      engine,
      model,
      loader,
      evaluate: loader,
      epochs: 12,
      optimiser: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
      schedule: cosineSchedule({ learningRate: 0.05 }),
      callbacks: { onEpoch: (report) => void epochs.push(report) },
    });
    expect(start).toBe("fresh");
    expect(epochs).toHaveLength(12);
    expect(result).toEqual(epochs[11]);
    expect(result.step).toBe(36);
    expect(result.loss).toBeLessThan(epochs[0].loss / 2);
    expect(result.evaluation).toMatchObject({ accuracy: 100, top5: 100, images: 24 });
    const again = await evaluateModel({ engine, model, loader });
    expect(again).toMatchObject(result.evaluation as object);
  });
});
