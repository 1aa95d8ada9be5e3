import { ArgumentError } from "@lowbit/core-tensor";
import type { LoaderPosition } from "../loader.js";

export interface TextLoaderOptions {
  /** Pieces of the text that are read side by side. */
  readonly streams: number;
  /** Tokens of each that one batch holds. */
  readonly steps: number;
  /** Leaves out a last batch that is shorter than the others; false by default. */
  readonly dropLast?: boolean;
}

/** One batch: at each place the token, and the one that follows it. */
export interface TextBatch {
  /** [T, N] i32: N pieces side by side */
  readonly images: { readonly dtype: "i32"; readonly shape: readonly [number, number]; readonly data: Int32Array };
  /** [T · N] i32 */
  readonly labels: { readonly dtype: "i32"; readonly shape: readonly [number]; readonly data: Int32Array };
}

/** Batches of one text in its order, epoch after epoch. `cursor` counts the steps that were given out. */
export interface TextLoader extends AsyncIterable<TextBatch> {
  readonly batchesPerEpoch: number;
  /** Tokens that an epoch predicts. */
  readonly tokensPerEpoch: number;
  [Symbol.asyncIterator](): AsyncIterator<TextBatch, undefined>;
  position(): LoaderPosition;
  /** @throws {ArgumentError} when the place does not begin a batch */
  seek(position: LoaderPosition): void;
}

/**
 * Cuts a text into `streams` pieces of equal length and reads them side by side, `steps` tokens at a time: each piece goes on in the
 * next batch where this one ends. What is left of the division, fewer tokens than streams, is not read.
 *
 * @throws {ArgumentError} when the text is too short for its streams, or an option makes no sense
 */
export function createTextLoader(tokens: Int32Array, options: TextLoaderOptions): TextLoader {
  const { streams, steps, dropLast = false } = options;
  for (const [name, value] of Object.entries({ streams, steps })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ArgumentError(`a text can't be read with ${name} ${value}`, {
      want: "a whole number from 1",
      got: value,
    });
  }
  const pieceLength = Math.floor((tokens.length - 1) / streams); // the last token has none that follows it
  const length = dropLast ? pieceLength - (pieceLength % steps) : pieceLength;
  if (length < 1) {
    throw new ArgumentError(`a text of ${tokens.length} tokens has no batch of ${streams} streams and ${steps} steps`, {
      want: `at least ${dropLast ? streams * steps + 1 : streams + 1} tokens`,
      got: tokens.length,
    });
  }
  const batchAt = (cursor: number): TextBatch => {
    const T = Math.min(steps, length - cursor);
    const [inputs, targets] = [new Int32Array(T * streams), new Int32Array(T * streams)];
    for (let t = 0; t < T; t++) {
      for (let n = 0; n < streams; n++) {
        const at = n * pieceLength + cursor + t;
        inputs[t * streams + n] = tokens[at];
        targets[t * streams + n] = tokens[at + 1];
      }
    }
    return {
      images: { dtype: "i32", shape: [T, streams], data: inputs },
      labels: { dtype: "i32", shape: [T * streams], data: targets },
    };
  };
  let position: LoaderPosition = { epoch: 0, cursor: 0 };
  return {
    batchesPerEpoch: Math.ceil(length / steps),
    tokensPerEpoch: length * streams,
    position: () => position,
    seek: (to) => {
      const isPlace = to.cursor === length || (to.cursor % steps === 0 && to.cursor >= 0 && to.cursor < length);
      if (!isPlace || !Number.isSafeInteger(to.epoch)) {
        throw new ArgumentError(`no batch of this text begins at step ${to.cursor}`, {
          want: `a multiple of ${steps} from 0 below ${length}, or ${length}, the end`,
          got: to,
        });
      }
      position = to;
    },
    async *[Symbol.asyncIterator]() {
      while (position.cursor < length) {
        const batch = batchAt(position.cursor);
        position = { ...position, cursor: Math.min(position.cursor + steps, length) };
        yield batch;
      }
      position = { epoch: position.epoch + 1, cursor: 0 };
      return undefined;
    },
  };
}
