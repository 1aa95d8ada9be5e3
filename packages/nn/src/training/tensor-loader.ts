import { ArgumentError, type HostTensor, ShapeError } from "@lowbit/core-tensor";
import type { Loader, Position } from "./loader.js";

/** Rows `from` to `to` of a tensor's first axis; no value is copied. */
function rows({ dtype, shape, data }: HostTensor, from: number, to: number): HostTensor {
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  return { dtype, shape: [to - from, ...shape.slice(1)], data: data.subarray(from * width, to * width) };
}

/**
 * Batches of tensors in memory, each epoch in the same order; the last one may be smaller.
 *
 * @param images  [count, C, H, W] f32
 * @param labels  [count] i32
 * @example const loader = tensorLoader({ images, labels, batch: 32 });
 */
export function tensorLoader(options: {
  readonly images: HostTensor;
  readonly labels: HostTensor;
  readonly batch: number;
}): Loader {
  const { images, labels, batch } = options;
  const count = images.shape[0];
  if (!Number.isSafeInteger(batch) || batch < 1) {
    throw new ArgumentError(`a loader can't have a batch of ${batch}`, { want: "a whole number from 1", got: batch });
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== count) {
    const got = { images: images.shape, labels: labels.shape };
    throw new ShapeError({ op: "tensorLoader", want: "images [count, …] and labels [count]", got });
  }
  let position: Position = { epoch: 0, cursor: 0 };
  return {
    batchesPerEpoch: Math.ceil(count / batch),
    position: () => position,
    seek: (to) => {
      position = to;
    },
    async *[Symbol.asyncIterator]() {
      while (position.cursor < count) {
        const [from, to] = [position.cursor, Math.min(position.cursor + batch, count)];
        position = { ...position, cursor: to };
        yield { images: rows(images, from, to), labels: rows(labels, from, to) };
      }
      position = { epoch: position.epoch + 1, cursor: 0 };
    },
  };
}
