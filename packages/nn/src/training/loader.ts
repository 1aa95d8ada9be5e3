import type { HostTensor } from "@lowbit/core-tensor";

/** A place in the sequence of batches: an epoch, and what the loader counts within it (0 at its start). */
export interface Position {
  readonly epoch: number;
  readonly cursor: number;
}

export interface Batch {
  /** [N, C, H, W] f32, normalised and augmented. */
  readonly images: HostTensor;
  /** [N] i32 */
  readonly labels: HostTensor;
  /** Where the batch after this one is: another epoch, cursor 0, after the last of an epoch. */
  readonly next: Position;
}

/**
 * Where batches come from. The batch at a position is always the same, whatever came before: that is what makes a run
 * resumable. Loaders may end after an epoch or go on into the next.
 */
export interface Loader {
  readonly stepsPerEpoch: number;
  batches(position: Position): AsyncIterable<Batch>;
}

/** The batches from a position to the end of its epoch. */
export async function* restOfEpoch(loader: Loader, from: Position): AsyncGenerator<Batch> {
  for await (const batch of loader.batches(from)) {
    yield batch;
    if (batch.next.epoch > from.epoch) return;
  }
}
