import type { Split } from "./dataset.js";
import { type Batch, type BatchSettings, createEpochOrder, prepareBatch } from "./prepare-batch.js";

/** Which images of which epoch. */
export interface BatchPlace {
  readonly epoch: number;
  readonly start: number;
  readonly size: number;
}

/** Where batches are prepared: here, or in a worker. */
export interface BatchSource {
  /** The batch at a place; `after` tells which place is likely to be asked for next. */
  batch(place: BatchPlace, after: (place: BatchPlace) => BatchPlace): Promise<Batch>;
  close(): Promise<void>;
}

/** Prepares each batch on this thread, when it is asked for. */
export function openInlineSource(split: Split, settings: BatchSettings): BatchSource {
  const orderOf = createEpochOrder(split.count, settings);
  return {
    batch: async (place) => prepareBatch(split, settings, { ...place, order: orderOf(place.epoch) }),
    close: async () => undefined,
  };
}
