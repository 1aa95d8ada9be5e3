import { createEngine, type Engine, multiply, reshape, type Tensor } from "@lowbit/core-tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateModel, InterruptedError, type Loader } from "../../src/index.js";
import { blobLoader } from "../oracles/blobs.js";

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine({ backend: "js" });
});
afterAll(() => engine.close());

const IMAGES = 23;
const loaderOf = (batch: number): Loader => blobLoader({ images: IMAGES, shape: [1, 2, 3], classes: 6, batch });
/** The pixels are the logits. */
const model = { forward: (x: Tensor) => reshape(multiply(x, 2), { shape: [-1, 6] }) };

/** Accuracy, top-5 and mean cross-entropy over all images, straight from the definitions. */
async function expected() {
  let [top1, top5, loss] = [0, 0, 0];
  for await (const { images, labels } of loaderOf(1)) {
    const logits = Array.from(images.data, (pixel) => Math.fround(2 * pixel));
    const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a]);
    const place = order.indexOf(labels.data[0]);
    if (place < 1) top1++;
    if (place < 5) top5++;
    loss -= Math.log(Math.exp(logits[labels.data[0]]) / logits.reduce((sum, v) => sum + Math.exp(v), 0));
  }
  return { accuracy: (100 * top1) / IMAGES, top5: (100 * top5) / IMAGES, loss: loss / IMAGES };
}

describe("evaluateModel", () => {
  it("counts every image once, whatever the batch, and the loss to the bit", async () => {
    const { accuracy, top5, loss } = await expected();
    const losses: number[] = [];
    for (const batch of [1, 4, 7, 22, 23, 64]) {
      const result = await evaluateModel({ engine, model, loader: loaderOf(batch) });
      expect(result).toMatchObject({ accuracy, top5, images: IMAGES });
      expect(result.loss).toBeCloseTo(loss, 10);
      expect(result.imagesPerSecond).toBeGreaterThan(0);
      losses.push(result.loss);
    }
    expect(new Set(losses).size).toBe(1);
  });

  it("begins at the beginning, wherever the loader was, and tells how far it is", async () => {
    const loader = loaderOf(10);
    loader.seek({ epoch: 3, cursor: 1 });
    const seen: number[] = [];
    const { images } = await evaluateModel({ engine, model, loader, onBatch: (done) => void seen.push(done) });
    expect([images, seen]).toEqual([IMAGES, [10, 20, 23]]);
  });

  it("refuses logits that are not finite, and a loader that gives nothing", async () => {
    const broken = { forward: (x: Tensor) => reshape(multiply(x, Number.POSITIVE_INFINITY), { shape: [-1, 6] }) };
    await expect(evaluateModel({ engine, model: broken, loader: loaderOf(4) })).rejects.toThrow(/a logit is NaN/);
    const empty: Loader = {
      batchesPerEpoch: 0,
      position: () => ({ epoch: 0, cursor: 0 }),
      seek: () => undefined,
      async *[Symbol.asyncIterator]() {},
    };
    await expect(evaluateModel({ engine, model, loader: empty })).rejects.toThrow(/no images to evaluate on/);
  });

  it("stops between batches when told to", async () => {
    const abort = new AbortController();
    const onBatch = () => abort.abort();
    const run = evaluateModel({ engine, model, loader: loaderOf(10), signal: abort.signal, onBatch });
    await expect(run).rejects.toThrow(InterruptedError);
    await expect(run).rejects.toThrow(/after 10 images/);
  });
});
