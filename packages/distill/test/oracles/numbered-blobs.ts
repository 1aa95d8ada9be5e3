import type { HostTensor } from "@lowbit/core-tensor";
import type { Loader } from "@lowbit/nn";
import type { NumberedBatch } from "../../src/index.js";

/** mulberry32: tests share no random numbers with the code. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const IMAGES = 10;
export const SHAPE = [1, 4, 4] as const;
export const CLASSES = 3;
const PIXELS = 16;

/**
 * Ten images of three classes, four in a batch, in an order that depends on the epoch.
 *
 * @param options.augmented  an epoch's images stray from the originals, each epoch in its own way
 */
export function numberedBlobs({ augmented = false, seed = 1 } = {}): Loader<NumberedBatch> {
  const random = randomNumbers(seed);
  const patterns = Array.from({ length: CLASSES * PIXELS }, () => random() * 2 - 1);
  const originals = Array.from({ length: IMAGES }, (_, image) =>
    Array.from({ length: PIXELS }, (_, pixel) => patterns[(image % CLASSES) * PIXELS + pixel] + random() - 0.5),
  );
  const pixelsOf = (image: number, epoch: number): number[] => {
    const stray = randomNumbers(1000 * epoch + image);
    return originals[image].map((pixel) => pixel + (augmented ? stray() / 2 : 0));
  };
  const batchAt = (epoch: number, from: number): NumberedBatch => {
    const chosen = Array.from({ length: Math.min(4, IMAGES - from) }, (_, i) => ((from + i) * 7 + epoch * 5) % IMAGES);
    const i32 = (values: readonly number[]): HostTensor => ({
      dtype: "i32",
      shape: [values.length],
      data: Int32Array.from(values),
    });
    const data = Float32Array.from(chosen.flatMap((image) => pixelsOf(image, epoch)));
    return {
      images: { dtype: "f32", shape: [chosen.length, ...SHAPE], data },
      labels: i32(chosen.map((image) => image % CLASSES)),
      indices: i32(chosen),
    };
  };
  let position = { epoch: 0, cursor: 0 };
  return {
    batchesPerEpoch: Math.ceil(IMAGES / 4),
    position: () => position,
    seek: (to) => {
      position = to;
    },
    async *[Symbol.asyncIterator]() {
      while (position.cursor < IMAGES) {
        const { epoch, cursor } = position;
        position = { epoch, cursor: cursor + 4 };
        yield batchAt(epoch, cursor);
      }
      position = { epoch: position.epoch + 1, cursor: 0 };
    },
  };
}
