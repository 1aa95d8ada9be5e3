import { ArgumentError, portableCosSinOfTurns } from "@lowbit/core-tensor";
import { checkLearningRate, type EpochLosses, type Schedule } from "./schedule.js";

/** The same learning rate for all steps. */
export function constantSchedule({ learningRate }: { readonly learningRate: number }): Schedule {
  checkLearningRate("learningRate", learningRate);
  return { name: "constant", options: { learningRate }, learningRate: () => learningRate };
}

export interface CosineOptions {
  readonly learningRate: number;
  /** What is left after the last step; 0 where absent. */
  readonly final?: number;
}

/** Half a cosine from `learningRate` to `final`. Source: Loshchilov and Hutter, arXiv 1608.03983, eq. 5, without restarts. */
export function cosineSchedule({ learningRate, final = 0 }: CosineOptions): Schedule {
  checkLearningRate("learningRate", learningRate);
  if (!(final >= 0 && final <= learningRate)) {
    throw new ArgumentError(`a cosine from ${learningRate} can't end at ${final}`, {
      want: "0 ≤ final ≤ learningRate",
    });
  }
  return {
    name: "cosine",
    options: { learningRate, final },
    learningRate: (step, totalSteps) => {
      const turns = step / totalSteps / 2; // our own cosine: the same bits on every engine
      return final + ((learningRate - final) * (1 + portableCosSinOfTurns(turns)[0])) / 2;
    },
  };
}

export interface StepOptions {
  readonly learningRate: number;
  /** What each drop multiplies by; 0.1 where absent. */
  readonly factor?: number;
  /** Where it drops, as parts of the run; [0.5, 0.75] where absent. */
  readonly drops?: readonly number[];
}

/** Drops by a factor at parts of the run. */
export function stepSchedule({ learningRate, factor = 0.1, drops = [0.5, 0.75] }: StepOptions): Schedule {
  checkLearningRate("learningRate", learningRate);
  if (!(factor > 0 && factor <= 1))
    throw new ArgumentError(`a step can't drop by ${factor}`, { want: "0 < factor ≤ 1" });
  if (!drops.every((part) => part > 0 && part < 1)) {
    throw new ArgumentError(`a schedule can't drop at [${drops.join(", ")}]`, {
      want: "parts of the run, between 0 and 1",
    });
  }
  return {
    name: "step",
    options: { learningRate, factor, drops: [...drops] },
    learningRate: (step, totalSteps) =>
      drops.filter((part) => step >= part * totalSteps).reduce((rate) => rate * factor, learningRate),
  };
}

/** Rises in a line over the first `steps` steps, and leaves what comes after to another schedule. */
export function warmUp(schedule: Schedule, { steps }: { readonly steps: number }): Schedule {
  if (!Number.isSafeInteger(steps) || steps < 0) {
    throw new ArgumentError(`a warm-up can't take ${steps} steps`, { want: "a whole number from 0", got: steps });
  }
  const { observe, state, restore } = schedule;
  return {
    name: "warm-up",
    options: { steps, schedule: { name: schedule.name, ...schedule.options } },
    learningRate: (step, totalSteps) => {
      const rate = schedule.learningRate(step, totalSteps);
      return step < steps ? (rate * (step + 1)) / (steps + 1) : rate;
    },
    ...(observe && { observe: (losses: EpochLosses) => observe.call(schedule, losses) }),
    ...(state && { state: () => state.call(schedule) }),
    ...(restore && { restore: (saved) => restore.call(schedule, saved) }),
  };
}
