import type { Evaluation } from "./evaluate-model.js";
import type { Position } from "./loader.js";

/** Parts of a loss by name, such as those of distillation. */
export type LossTerms = Readonly<Record<string, number>>;

/** Sums over the training batches of one epoch. */
export interface EpochSums {
  readonly images: number;
  readonly correct: number;
  readonly loss: number;
  /** Of losses that tell their terms: each weighted by the images. */
  readonly terms?: LossTerms;
}

/** How one epoch went. Nothing in it depends on time: a resumed run reports the same. */
export interface EpochReport {
  /** From 0. */
  readonly epoch: number;
  /** Steps of the run so far. */
  readonly step: number;
  /** Means over the epoch, as the steps saw it: loss, and accuracy in per cent. */
  readonly loss: number;
  readonly accuracy: number;
  /** Means of the loss's terms, where it tells them. */
  readonly terms?: LossTerms;
  /** null where the run evaluates nothing. */
  readonly evaluation: Evaluation | null;
}

/** Where a run stands between two steps: with the variables, all that going on needs. */
export interface Progress {
  /** The next batch. Its epoch is `epochsDone`, or one more while the evaluation of an epoch is due. */
  readonly position: Position;
  /** Steps done. */
  readonly step: number;
  /** Epochs trained and evaluated. */
  readonly epochsDone: number;
  readonly sums: EpochSums;
  readonly lastEpoch: EpochReport | null;
}

export const noSums: EpochSums = { images: 0, correct: 0, loss: 0 };

export const startOfRun: Progress = {
  position: { epoch: 0, cursor: 0 },
  step: 0,
  epochsDone: 0,
  sums: noSums,
  lastEpoch: null,
};

/** Sums with one more batch in them. */
export function addToSums(
  { images, correct, loss, terms }: EpochSums,
  batch: { readonly images: number; readonly correct: number; readonly loss: number; readonly terms?: LossTerms },
): EpochSums {
  const sums = {
    images: images + batch.images,
    correct: correct + batch.correct,
    loss: loss + batch.loss * batch.images,
  };
  if (!batch.terms) return sums;
  const added = Object.entries(batch.terms).map(([name, value]) => [name, (terms?.[name] ?? 0) + value * batch.images]);
  return { ...sums, terms: Object.fromEntries(added) };
}

/** What a report tells of the terms. */
export const meanTerms = ({ images, terms }: EpochSums): { readonly terms?: LossTerms } =>
  terms ? { terms: Object.fromEntries(Object.entries(terms).map(([name, sum]) => [name, sum / images])) } : {};
