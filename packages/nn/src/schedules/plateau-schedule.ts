import { ArgumentError, FileFormatError } from "@lowbit/core-tensor";
import type { Json } from "../json.js";
import { checkLearningRate, type Schedule } from "./schedule.js";

export interface PlateauOptions {
  readonly learningRate: number;
  /** What a drop multiplies by; 0.1 where absent. */
  readonly factor?: number;
  /** Epochs without a better loss that are borne before a drop; 5 where absent. */
  readonly patience?: number;
  /** A loss counts as better below best · (1 − threshold); 1e-4 where absent. */
  readonly threshold?: number;
  /** It never drops below this; 0 where absent. */
  readonly least?: number;
  /** Whose loss: that of the evaluation where there is one, or that of the training steps. "evaluation" where absent. */
  readonly watch?: "evaluation" | "training";
}

interface PlateauState {
  /** null before the first epoch: JSON has no infinity. */
  readonly best: number | null;
  readonly epochsWithoutProgress: number;
  readonly drops: number;
}

const start: PlateauState = { best: null, epochsWithoutProgress: 0, drops: 0 };

function readState(saved: Json): PlateauState {
  const { best, epochsWithoutProgress, drops } = (saved ?? {}) as Partial<PlateauState>;
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  if ((best === null || typeof best === "number") && isCount(epochsWithoutProgress) && isCount(drops)) {
    return { best, epochsWithoutProgress, drops };
  }
  throw new FileFormatError("the checkpoint's state of the plateau schedule makes no sense", {
    want: "best, epochsWithoutProgress and drops",
    got: JSON.stringify(saved),
  });
}

/**
 * Drops by a factor when the loss has not become better for more than `patience` epochs.
 *
 * With `watch: "training"` it goes by the history of the training error alone, as dLAC's training does (Venkatesh et al., arXiv
 * 1610.00324); there the drops are aggressive: a patience of 0 and a threshold of some per cent.
 */
export function plateauSchedule(options: PlateauOptions): Schedule {
  const { learningRate, factor = 0.1, patience = 5, threshold = 1e-4, least = 0, watch = "evaluation" } = options;
  checkLearningRate("learningRate", learningRate);
  if (!(factor > 0 && factor < 1 && patience >= 0 && threshold >= 0 && threshold < 1 && least >= 0)) {
    throw new ArgumentError("a plateau schedule needs sensible options", {
      want: "0 < factor < 1, patience ≥ 0, 0 ≤ threshold < 1, least ≥ 0",
      got: JSON.stringify(options),
    });
  }
  let state = start;
  return {
    name: "plateau",
    options: { learningRate, factor, patience, threshold, least, watch },
    learningRate: () => {
      let rate = learningRate;
      for (let drop = 0; drop < state.drops; drop++) rate *= factor; // a power would differ between engines
      return Math.max(least, rate);
    },
    observe: ({ training, evaluation = training }) => {
      const loss = watch === "training" ? training : evaluation;
      if (state.best === null || loss < state.best * (1 - threshold)) {
        state = { ...state, best: loss, epochsWithoutProgress: 0 };
      } else if (state.epochsWithoutProgress >= patience) {
        state = { ...state, epochsWithoutProgress: 0, drops: state.drops + 1 };
      } else {
        state = { ...state, epochsWithoutProgress: state.epochsWithoutProgress + 1 };
      }
    },
    state: () => ({ ...state }),
    restore: (saved) => {
      state = readState(saved);
    },
  };
}
