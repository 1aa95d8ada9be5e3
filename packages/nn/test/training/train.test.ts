import v8 from "node:v8";
import vm from "node:vm";
import { createEngine, type Engine } from "@lowbit/core-tensor";
import { createMemoryDisk, openStorage } from "@lowbit/core-tensor/storage";
import { afterEach, describe, expect, it } from "vitest";
import {
  constantSchedule,
  cosineSchedule,
  createModel,
  type EpochReport,
  evaluateModel,
  InterruptedError,
  type Loader,
  loadCheckpoint,
  type Position,
  type StepReport,
  sgd,
  train,
} from "../../src/index.js";
import { blobLoader } from "../oracles/blobs.js";

const engines: Engine[] = [];
async function makeEngine(backend: "js" | "wasm" = "js"): Promise<Engine> {
  const engine = await createEngine({ backend, threads: 1 });
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
    const steps: StepReport[] = [];
    const { start, result } = await train({
      engine,
      model,
      loader,
      evaluate: loader,
      epochs: 12,
      optimiser: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
      schedule: cosineSchedule({ learningRate: 0.05 }),
      callbacks: { onStep: (report) => void steps.push(report), onEpoch: (report) => void epochs.push(report) },
    });
    for (const { epoch, loss, accuracy } of epochs) {
      const own = steps.filter((each) => each.epoch === epoch); // three full batches: their means have equal weight
      expect(loss).toBeCloseTo(own.reduce((sum, each) => sum + each.loss, 0) / 3, 12);
      expect(accuracy).toBeCloseTo(own.reduce((sum, each) => sum + each.accuracy, 0) / 3, 10);
    }
    expect(start).toBe("fresh");
    expect(epochs).toHaveLength(12);
    expect(result).toEqual(epochs[11]);
    expect(result.step).toBe(36);
    expect(result.loss).toBeLessThan(epochs[0].loss / 2);
    expect(result.evaluation).toMatchObject({ accuracy: 100, top5: 100, images: 24 });
    const again = await evaluateModel({ engine, model, loader });
    expect(again).toMatchObject(result.evaluation as object);
  });

  it("stops soon when the signal says so, without a folder too", async () => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 100); // fires only if training lets it
    const run = train({
      engine: await makeEngine(),
      model: createModel("mlp", { inputShape: [1, 4, 4], classes: 3 }),
      loader: blobLoader({ images: 8, shape: [1, 4, 4], classes: 3, batch: 8 }),
      epochs: 1e9,
      optimiser: sgd(),
      schedule: constantSchedule({ learningRate: 0.01 }),
      signal: abort.signal,
    });
    await expect(run).rejects.toThrow(InterruptedError);
    await expect(run).rejects.toMatchObject({ code: "LOWBIT_INTERRUPTED", folder: undefined });
    clearTimeout(timer);
  });

  it.each([0, 1.5, -1, Number.NaN])("refuses %d epochs", async (epochs) => {
    const loader = blobLoader({ images: 8, shape: [1, 4, 4], classes: 3, batch: 8 });
    const model = createModel("mlp", { inputShape: [1, 4, 4], classes: 3 });
    const schedule = constantSchedule({ learningRate: 1 });
    await expect(
      train({ engine: await makeEngine(), model, loader, epochs, optimiser: sgd(), schedule }),
    ).rejects.toThrow(/epochs/);
  });
});

/** The same batches, but one pixel of the batch at a place is spoilt. */
function spoilt(inner: Loader, at: Position, value: number): Loader {
  return {
    batchesPerEpoch: inner.batchesPerEpoch,
    position: () => inner.position(),
    seek: (to) => inner.seek(to),
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const { epoch, cursor } = inner.position();
        const next = await inner[Symbol.asyncIterator]().next();
        if (next.done) return;
        if (epoch === at.epoch && cursor === at.cursor) next.value.images.data[5] = value;
        yield next.value;
      }
    },
  };
}

describe("a value that is not finite", () => {
  it.each([
    [{ epoch: 0, cursor: 0 }, Number.NaN],
    [{ epoch: 0, cursor: 2 }, Number.POSITIVE_INFINITY],
    [{ epoch: 1, cursor: 1 }, Number.NEGATIVE_INFINITY],
    [{ epoch: 2, cursor: 2 }, Number.NaN],
  ])("at %j is found in that step; step and layer are named, and the last checkpoint stays", async (at, value) => {
    const steps = at.epoch * 3 + at.cursor;
    const storage = openStorage({ disk: createMemoryDisk() });
    const loader = blobLoader({ images: 12, shape: [1, 4, 4], classes: 3, batch: 4 });
    const model = createModel("simple-cnn", { inputShape: [1, 4, 4], classes: 3, width: 0.2 });
    const run = (batches: Loader, resume: boolean, engine: Engine) =>
      train({
        engine,
        model,
        loader: batches,
        epochs: 3,
        optimiser: sgd({ momentum: 0.9 }),
        schedule: cosineSchedule({ learningRate: 0.05 }),
        checkpoint: { storage, folder: "/run", everySeconds: 0, resume },
      });
    const error = await run(spoilt(loader, at, value), false, await makeEngine()).catch((caught) => caught);
    expect(error).toMatchObject({ code: "LOWBIT_NON_FINITE", layer: "bn1" }); // the first to see what conv1 made of it
    expect(error.message).toMatch(
      `training diverged in epoch ${at.epoch + 1}, step ${steps + 1}: the new "bn1.runningMean"`,
    );
    expect(error.message).toMatch(`layer "bn1"; /run holds the checkpoint of step ${steps}`);
    expect((await loadCheckpoint(storage, "/run")).progress.step).toBe(steps);
    expect(await run(loader, true, await makeEngine())).toMatchObject({ start: "resumed", result: { step: 9 } });
  });
});

describe("memory", () => {
  v8.setFlagsFromString("--expose-gc");
  const collectGarbage = vm.runInNewContext("gc") as () => void;
  const heldBytes = (): number => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };

  it.each(["js", "wasm"] as const)(
    "on %s stays the same from step 100 to step 1,000, planned and held",
    async (backend) => {
      const engine = await makeEngine(backend);
      const planned: object[] = [];
      const held: number[] = [];
      await train({
        engine,
        model: createModel("simple-cnn", { inputShape: [1, 6, 6], classes: 3, width: 0.2 }),
        loader: blobLoader({ images: 200, shape: [1, 6, 6], classes: 3, batch: 4 }),
        epochs: 20,
        optimiser: sgd({ momentum: 0.9 }),
        schedule: constantSchedule({ learningRate: 0.01 }),
        callbacks: {
          onStep: ({ step }) => {
            if (step % 100 !== 0) return;
            planned.push(engine.memory());
            held.push(heldBytes());
          },
        },
      });
      expect(held).toHaveLength(10);
      for (const each of planned) expect(each).toEqual(planned[0]);
      expect(held[9] - held[0]).toBeLessThan(500_000); // a leak of one batch a step would be 500 kB
    },
  );
});
