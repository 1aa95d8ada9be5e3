import { ArgumentError } from "@lowbit/core-tensor";
import { type BatchSource, openInlineSource } from "./batch-source.js";
import type { Split } from "./dataset.js";
import type { Augmentation, Batch, BatchSettings } from "./prepare-batch.js";
import { openWorkerSource } from "./worker-source.js";

/** Where a loader is: `cursor` images of `epoch` were given out. Plain data: a checkpoint keeps it. */
export interface LoaderPosition {
  readonly epoch: number;
  readonly cursor: number;
}

export interface LoaderOptions {
  /** Images in a batch. */
  readonly batch: number;
  /** Decides order and augmentation; 0 by default. */
  readonly seed?: number;
  /** A new order each epoch; false by default. */
  readonly shuffle?: boolean;
  /** Nothing by default. */
  readonly augment?: Augmentation;
  /** Per channel, as fractions of 255: `...dataset.normalisation`. 0 and 1 by default. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** Leaves out a last batch that is not full; false by default. */
  readonly dropLast?: boolean;
  /** Batches that a worker prepares ahead; 0, the default, prepares each when it is asked for. The batches are the same. */
  readonly prefetch?: number;
}

/** Batches of one split, epoch after epoch. */
export interface Loader extends AsyncIterable<Batch> {
  readonly batchesPerEpoch: number;
  /** Images that an epoch gives out. */
  readonly imagesPerEpoch: number;
  /**
   * Gives the rest of the current epoch, then moves to the next one. Leaving the loop early keeps the place: the next loop goes on
   * from there.
   */
  [Symbol.asyncIterator](): AsyncIterator<Batch, undefined>;
  /** The place after the last batch that was given out; at the end of an epoch's loop, the beginning of the next. */
  position(): LoaderPosition;
  /** @throws {ArgumentError} when the place does not begin a batch */
  seek(position: LoaderPosition): void;
  /** Ends the worker, if there is one. An idle worker keeps no process alive, so this is for freeing memory. */
  close(): Promise<void>;
}

/**
 * A loader: seeded shuffling, augmentation, normalisation and batching. Which batch comes at which position depends on the split and
 * the options alone, so a run that was interrupted goes on with the same ones.
 *
 * @throws {ArgumentError} when an option makes no sense
 * @example
 * const loader = createLoader(dataset.train, { batch: 64, seed: 1, shuffle: true, augment: { crop: 2, flip: true }, ...dataset.normalisation });
 * for await (const { images, labels } of loader) await step({ images, labels }); // one epoch
 */
export function createLoader(split: Split, options: LoaderOptions): Loader {
  const settings = checkOptions(split, options);
  const { batch, dropLast = false, prefetch = 0 } = options;
  const imagesPerEpoch = dropLast ? split.count - (split.count % batch) : split.count;
  const lastStart = imagesPerEpoch; // a cursor here: the epoch is over
  const sizeAt = (cursor: number): number => Math.min(batch, imagesPerEpoch - cursor);
  let position: LoaderPosition = { epoch: 0, cursor: 0 };
  let source: BatchSource | undefined;

  async function next(): Promise<IteratorResult<Batch, undefined>> {
    const { epoch, cursor } = position;
    if (cursor >= lastStart) {
      position = { epoch: epoch + 1, cursor: 0 };
      return { done: true, value: undefined };
    }
    source ??= prefetch > 0 ? await openWorkerSource(split, settings, prefetch) : openInlineSource(split, settings);
    const value = await source.batch({ epoch, start: cursor, size: sizeAt(cursor) }, (place) => {
      const start = place.start + place.size;
      if (start < lastStart) return { epoch: place.epoch, start, size: sizeAt(start) };
      return { epoch: place.epoch + 1, start: 0, size: sizeAt(0) };
    });
    position = { epoch, cursor: cursor + value.labels.data.length };
    return { done: false, value };
  }

  return {
    batchesPerEpoch: Math.ceil(imagesPerEpoch / batch),
    imagesPerEpoch,
    [Symbol.asyncIterator]: () => ({ next }),
    position: () => ({ ...position }),
    seek({ epoch, cursor }) {
      const beginsBatch = cursor === imagesPerEpoch || (cursor % batch === 0 && cursor < imagesPerEpoch);
      if (!Number.isSafeInteger(epoch) || epoch < 0 || !Number.isSafeInteger(cursor) || cursor < 0 || !beginsBatch)
        throw new ArgumentError(`epoch ${epoch}, image ${cursor} is no place where a batch of ${batch} begins`, {
          op: "seek",
          want: `a whole epoch from 0 on, and a multiple of ${batch} up to ${imagesPerEpoch}`,
          got: { epoch, cursor },
        });
      position = { epoch, cursor };
    },
    async close() {
      const open = source;
      source = undefined;
      await open?.close();
    },
  };
}

function checkOptions(split: Split, options: LoaderOptions): BatchSettings {
  const { batch, seed = 0, shuffle = false, augment = {}, dropLast = false, prefetch = 0 } = options;
  const [channels, height, width] = split.imageShape;
  const { mean = new Array(channels).fill(0), std = new Array(channels).fill(1) } = options;
  const refuse = (what: string, want: string): never => {
    throw new ArgumentError(`a loader can't have ${what}`, { op: "createLoader", want });
  };
  if (!Number.isSafeInteger(batch) || batch < 1) refuse(`a batch of ${batch}`, "a whole number from 1 on");
  if (!Number.isSafeInteger(seed) || seed < 0) refuse(`the seed ${seed}`, "a whole number from 0 to 2^53 - 1");
  if (!Number.isSafeInteger(prefetch) || prefetch < 0 || prefetch > 64)
    refuse(`a prefetch of ${prefetch} batches`, "a whole number from 0 to 64");
  if (dropLast && batch > split.count)
    refuse(`a batch of ${batch} with dropLast`, `at most the ${split.count} images, or nothing would be left`);
  const crop = augment.crop ?? 0;
  if (!Number.isSafeInteger(crop) || crop < 0 || crop >= Math.min(height, width))
    refuse(`a crop of ${crop}`, `a whole number of pixels from 0 to ${Math.min(height, width) - 1}`);
  for (const [name, values] of [
    ["mean", mean],
    ["std", std],
  ] as const) {
    const isFit =
      values.length === channels && values.every((value) => Number.isFinite(value) && (name === "mean" || value > 0));
    if (!isFit)
      refuse(
        `the ${name} [${values.join(", ")}]`,
        `${channels} numbers, one for each channel${name === "std" ? ", greater than 0" : ""}`,
      );
  }
  return { seed, shuffle, augment: { crop, flip: augment.flip ?? false }, mean: [...mean], std: [...std] };
}
