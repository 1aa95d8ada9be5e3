import type { Engine } from "@lowbit/core-tensor";
import type { Storage } from "@lowbit/core-tensor/storage";
import type { TrainingCallbacks } from "@lowbit/nn";

/** Where and how a prepared experiment of any kind is trained. */
export interface TrainingRun {
  readonly engine: Engine;
  readonly storage: Storage;
  readonly out: string;
  readonly resume: boolean;
  readonly allowBuildChange: boolean;
  readonly signal: AbortSignal;
  readonly callbacks: TrainingCallbacks;
}
