import type { HostTensor } from "@lowbit/core-tensor";

/** A place in the sequence of batches: an epoch, and what the loader counts within it (0 at its start). */
export interface Position {
  readonly epoch: number;
  readonly cursor: number;
}

export interface Batch {
  /** [N, C, H, W] f32, normalised and augmented; or whatever else the model reads, such as tokens [T, N] i32. */
  readonly images: HostTensor;
  /** [N] i32: one for each row of logits */
  readonly labels: HostTensor;
}

/**
 * Where batches come from: `createLoader` of @lowbit/data, or anything of this form. The batch at a place is always the
 * same, whatever came before: that is what makes a run resumable.
 */
export interface Loader<Taken extends Batch = Batch> {
  readonly batchesPerEpoch: number;
  /** The rest of the current epoch; at its end the place moves to the beginning of the next. */
  [Symbol.asyncIterator](): AsyncIterator<Taken>;
  /** The place after the last batch that was given out. */
  position(): Position;
  seek(position: Position): void;
}
