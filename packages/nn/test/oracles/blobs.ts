import type { HostTensor } from "@lowbit/core-tensor";
import type { Batch, Loader } from "../../src/index.js";

/** A small generator of our own (mulberry32): tests share no random numbers with the code. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface BlobOptions {
  readonly images: number;
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  readonly batch: number;
  readonly seed?: number;
  /** How far pixels stray from their class. */
  readonly noise?: number;
}

/** Images of a few classes, each a fixed pattern with noise; batches in an order that depends on the epoch. */
export function blobLoader({ images, shape, classes, batch, seed = 1, noise = 0.5 }: BlobOptions): Loader {
  const [C, H, W] = shape;
  const pixels = C * H * W;
  const random = randomNumbers(seed);
  const patterns = Array.from({ length: classes * pixels }, () => random() * 2 - 1);
  const data = new Float32Array(images * pixels);
  const labels = new Int32Array(images);
  for (let i = 0; i < images; i++) {
    labels[i] = i % classes;
    for (let p = 0; p < pixels; p++)
      data[i * pixels + p] = patterns[labels[i] * pixels + p] + noise * (random() * 2 - 1);
  }
  const steps = Math.ceil(images / batch);
  const batchAt = (epoch: number, cursor: number): Batch => {
    const count = Math.min(batch, images - cursor * batch);
    const chosen = Array.from({ length: count }, (_, i) => ((cursor * batch + i) * 7 + epoch * 5) % images);
    const taken: HostTensor = { dtype: "f32", shape: [count, C, H, W], data: new Float32Array(count * pixels) };
    chosen.forEach((image, i) => {
      taken.data.set(data.subarray(image * pixels, (image + 1) * pixels), i * pixels);
    });
    return { images: taken, labels: { dtype: "i32", shape: [count], data: Int32Array.from(chosen, (i) => labels[i]) } };
  };
  let position = { epoch: 0, cursor: 0 };
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
        yield batchAt(epoch, cursor);
      }
      position = { epoch: position.epoch + 1, cursor: 0 };
    },
  };
}
