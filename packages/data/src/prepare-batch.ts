import { createStream, fillWords, permutation } from "@lowbit/core-tensor";
import type { ImageShape, Split } from "./dataset.js";

/** Random changes to the images of training: none of them changes what the class is. */
export interface Augmentation {
  /** Pads each side by so many black pixels, then cuts the image's size out at a random place. */
  readonly crop?: number;
  /** Mirrors left and right, half of the time. */
  readonly flip?: boolean;
}

/** Images and labels of one step, as a compiled step takes them. */
export interface Batch {
  readonly images: {
    readonly shape: readonly [number, number, number, number];
    readonly dtype: "f32";
    readonly data: Float32Array;
  };
  readonly labels: { readonly shape: readonly [number]; readonly dtype: "i32"; readonly data: Int32Array };
  /** Which images of the split these are. */
  readonly indices: { readonly shape: readonly [number]; readonly dtype: "i32"; readonly data: Int32Array };
}

/** All that decides which batch comes at which place: plain data, so that it can be sent to a worker. */
export interface BatchSettings {
  readonly seed: number;
  readonly shuffle: boolean;
  readonly augment: Augmentation;
  /** Per channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A permutation is needed for each batch of an epoch, and the same one. */
export type EpochOrder = (epoch: number) => Uint32Array;

/** The order of each epoch's images; the last one is kept. */
export function createEpochOrder(count: number, { seed, shuffle }: BatchSettings): EpochOrder {
  let last: { epoch: number; order: Uint32Array } | undefined;
  return (epoch) => {
    if (last?.epoch !== epoch) {
      const order = shuffle
        ? permutation(count, createStream(seed, `epoch/${epoch}`))
        : Uint32Array.from({ length: count }, (_, i) => i);
      last = { epoch, order };
    }
    return last.order;
  };
}

/**
 * The `size` images from place `start` of an epoch on: cropped, flipped, then (pixel / 255 − mean) / std in float64, rounded once.
 * Depends on its arguments alone: the random numbers of a place are found by its number, not by what was drawn before.
 */
export function prepareBatch(
  split: Split,
  settings: BatchSettings,
  {
    epoch,
    start,
    size,
    order,
  }: { readonly epoch: number; readonly start: number; readonly size: number; readonly order: Uint32Array },
): Batch {
  const { augment, seed, mean, std } = settings;
  const [C, H, W] = split.imageShape;
  const images = new Float32Array(size * C * H * W);
  const labels = new Int32Array(size);
  const tables = mean.map((m, c) => Float32Array.from({ length: 256 }, (_, pixel) => (pixel / 255 - m) / std[c]));
  const crop = augment.crop ?? 0;
  const words = new Uint32Array(size * 4); // one block of random words for each place
  if (crop > 0 || augment.flip) fillWords(words, createStream(seed, `augment/${epoch}`, start));
  for (let n = 0; n < size; n++) {
    const index = order[start + n];
    labels[n] = split.labels[index];
    const source = split.images.subarray(index * C * H * W, (index + 1) * C * H * W);
    const target = images.subarray(n * C * H * W, (n + 1) * C * H * W);
    // ⌊word · (2 crop + 1) / 2³²⌋: offsets are equally likely to within 2⁻²⁹
    const shiftY = Math.floor((words[n * 4] * (2 * crop + 1)) / 2 ** 32) - crop;
    const shiftX = Math.floor((words[n * 4 + 1] * (2 * crop + 1)) / 2 ** 32) - crop;
    const mirrored = augment.flip === true && words[n * 4 + 2] >= 2 ** 31;
    placeImage(target, source, split.imageShape, { shiftY, shiftX, mirrored, tables });
  }
  return {
    images: { shape: [size, C, H, W], dtype: "f32", data: images },
    labels: { shape: [size], dtype: "i32", data: labels },
    indices: { shape: [size], dtype: "i32", data: Int32Array.from(order.subarray(start, start + size)) },
  };
}

/** target[c, y, x] = table[c][source[c, y + shiftY, x' + shiftX]] with x' = x, or W − 1 − x where mirrored; black outside. */
function placeImage(
  target: Float32Array,
  source: Uint8Array,
  [C, H, W]: ImageShape,
  {
    shiftY,
    shiftX,
    mirrored,
    tables,
  }: {
    readonly shiftY: number;
    readonly shiftX: number;
    readonly mirrored: boolean;
    readonly tables: readonly Float32Array[];
  },
): void {
  for (let c = 0; c < C; c++) {
    const table = tables[c];
    for (let y = 0; y < H; y++) {
      const sourceY = y + shiftY;
      const row = (c * H + y) * W;
      const sourceRow = (c * H + sourceY) * W;
      const rowInside = sourceY >= 0 && sourceY < H;
      for (let x = 0; x < W; x++) {
        const sourceX = (mirrored ? W - 1 - x : x) + shiftX;
        target[row + x] = table[rowInside && sourceX >= 0 && sourceX < W ? source[sourceRow + sourceX] : 0];
      }
    }
  }
}
