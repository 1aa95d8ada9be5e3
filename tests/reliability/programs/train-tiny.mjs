// Trains a tiny network into a folder, with a checkpoint after every step: `node train-tiny.mjs FOLDER`. Killed and started again, it
// goes on where it was. Prints the result as JSON.
import { createEngine } from "../../../packages/core-tensor/dist/index.js";
import { openStorage } from "../../../packages/core-tensor/dist/storage/index.js";
import { adamW, cosineSchedule, createModel, train } from "../../../packages/nn/dist/index.js";

const [folder] = process.argv.slice(2);
const images = 10;
const inputShape = [1, 4, 4];
const pixels = 16;
const data = Float32Array.from({ length: images * pixels }, (_, i) => Math.sin(i * 12.9898) * 0.9);

/** Batches whose order depends on the epoch: a run that loses its place gives other weights. */
function shuffledLoader(batch) {
  let position = { epoch: 0, cursor: 0 };
  const steps = Math.ceil(images / batch);
  return {
    batchesPerEpoch: steps,
    position: () => position,
    seek: (to) => {
      position = to;
    },
    async *[Symbol.asyncIterator]() {
      while (position.cursor < steps) {
        const { epoch, cursor } = position;
        position = { epoch, cursor: cursor + 1 };
        const chosen = Array.from({ length: Math.min(batch, images - cursor * batch) }, (_, i) => {
          return ((cursor * batch + i) * 7 + epoch * 3) % images;
        });
        const taken = new Float32Array(chosen.length * pixels);
        for (const [i, image] of chosen.entries())
          taken.set(data.subarray(image * pixels, (image + 1) * pixels), i * pixels);
        yield {
          images: { dtype: "f32", shape: [chosen.length, ...inputShape], data: taken },
          labels: { dtype: "i32", shape: [chosen.length], data: Int32Array.from(chosen, (image) => image % 3) },
        };
      }
      position = { epoch: position.epoch + 1, cursor: 0 };
    },
  };
}

const engine = await createEngine({ backend: "js" });
try {
  const outcome = await train({
    engine,
    model: createModel("simple-cnn", { inputShape, classes: 3, width: 0.1, seed: 5 }),
    loader: shuffledLoader(5),
    evaluate: shuffledLoader(10),
    epochs: 2,
    optimiser: adamW(),
    schedule: cosineSchedule({ learningRate: 0.01 }),
    checkpoint: { storage: openStorage(), folder, everySeconds: 0, identity: { seed: 5 }, resume: true },
  });
  process.stdout.write(`${JSON.stringify(outcome.result)}\n`);
} catch (error) {
  if (error?.code !== "LOWBIT_STORAGE") throw error;
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 74;
} finally {
  await engine.close();
}
