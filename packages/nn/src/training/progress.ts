import type { Evaluation } from "./evaluate-model.js";
import type { Position } from "./loader.js";

/** Sums over the training batches of one epoch. */
export interface EpochSums {
  readonly images: number;
  readonly correct: number;
  readonly loss: number;
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
