import { ArgumentError, createStream, permutation } from "@lowbit/core-tensor";
import type { LoaderPosition } from "../loader.js";
import type { LabelledSplit } from "./labelled-text.js";

export interface LabelledTextLoaderOptions {
  /** Texts in a batch. */
  readonly batch: number;
  /** Tokens of each that the network reads: longer ones are cut, shorter ones are filled up behind their end. */
  readonly length: number;
  /** The number that stands behind the end of a short text. */
  readonly padding: number;
  /** Decides the order; 0 by default. */
  readonly seed?: number;
  /** A new order each epoch; false by default. */
  readonly shuffle?: boolean;
  /** Leaves out a last batch that is not full; false by default. */
  readonly dropLast?: boolean;
}

export interface LabelledTextBatch {
  /** [T, N] i32: N texts side by side */
  readonly images: { readonly dtype: "i32"; readonly shape: readonly [number, number]; readonly data: Int32Array };
  /** [N] i32 */
  readonly labels: { readonly dtype: "i32"; readonly shape: readonly [number]; readonly data: Int32Array };
}

/** Batches of labelled texts, epoch after epoch. `cursor` counts the texts that were given out. */
export interface LabelledTextLoader extends AsyncIterable<LabelledTextBatch> {
  readonly batchesPerEpoch: number;
  [Symbol.asyncIterator](): AsyncIterator<LabelledTextBatch, undefined>;
  position(): LoaderPosition;
  /** @throws {ArgumentError} when the place does not begin a batch */
  seek(position: LoaderPosition): void;
}

/**
 * Batches of texts and their classes. Which one comes at which place depends on the split and the options alone.
 *
 * @throws {ArgumentError} when an option makes no sense, or no batch would be full
 */
export function createLabelledTextLoader(split: LabelledSplit, options: LabelledTextLoaderOptions): LabelledTextLoader {
  const { batch, length: T, padding, seed = 0, shuffle = false, dropLast = false } = options;
  const count = split.texts.length;
  for (const [name, value] of Object.entries({ batch, length: T })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ArgumentError(`texts can't be read with ${name} ${value}`, { want: "a whole number from 1", got: value });
  }
  const end = dropLast ? count - (count % batch) : count;
  if (end < 1) {
    throw new ArgumentError(`${count} texts give no batch of ${batch}`, { want: `at least ${dropLast ? batch : 1}` });
  }
  const orderOf = (epoch: number): ArrayLike<number> =>
    shuffle
      ? permutation(count, createStream(seed, `text order/${epoch}`))
      : Int32Array.from({ length: count }, (_, i) => i);
  const batchAt = (order: ArrayLike<number>, cursor: number): LabelledTextBatch => {
    const N = Math.min(batch, end - cursor);
    const [data, labels] = [new Int32Array(T * N).fill(padding), new Int32Array(N)];
    for (let n = 0; n < N; n++) {
      const place = order[cursor + n];
      const text = split.texts[place];
      labels[n] = split.labels[place];
      for (let t = 0; t < Math.min(T, text.length); t++) data[t * N + n] = text[t];
    }
    return { images: { dtype: "i32", shape: [T, N], data }, labels: { dtype: "i32", shape: [N], data: labels } };
  };
  let position: LoaderPosition = { epoch: 0, cursor: 0 };
  return {
    batchesPerEpoch: Math.ceil(end / batch),
    position: () => position,
    seek: (to) => {
      const { epoch, cursor } = to;
      const isPlace = cursor === end || (cursor >= 0 && cursor < end && cursor % batch === 0);
      if (!isPlace || !Number.isSafeInteger(epoch)) {
        throw new ArgumentError(`no batch begins at text ${cursor}`, {
          want: `a multiple of ${batch} from 0 below ${end}, or ${end}, the end`,
          got: to,
        });
      }
      position = to;
    },
    async *[Symbol.asyncIterator]() {
      const order = orderOf(position.epoch);
      while (position.cursor < end) {
        const made = batchAt(order, position.cursor);
        position = { ...position, cursor: Math.min(position.cursor + batch, end) };
        yield made;
      }
      position = { epoch: position.epoch + 1, cursor: 0 };
      return undefined;
    },
  };
}
