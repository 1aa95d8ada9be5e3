import { ArgumentError } from "@lowbit/core-tensor";
import type { Json, JsonRecord } from "../json.js";

/** What an epoch's loss was. */
export interface EpochLosses {
  /** The mean over the steps of the epoch. */
  readonly training: number;
  /** Of the evaluation after it; absent where there is none. */
  readonly evaluation?: number;
}

/** The learning rate over the steps of a run. */
export interface Schedule {
  readonly name: string;
  readonly options: JsonRecord;
  /** Of step 0 … totalSteps − 1. */
  learningRate(step: number, totalSteps: number): number;
  /** Schedules that listen: told the losses after each epoch. */
  observe?(losses: EpochLosses): void;
  /** What a checkpoint keeps of a schedule that listens, and how it goes on from there. */
  state?(): Json;
  restore?(state: Json): void;
}

export function checkLearningRate(what: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new ArgumentError(`${what} can't be ${value}`, { where: what, want: "a number above 0", got: value });
}
