import type { Learned } from "../define-quantizer.js";
import { observedRange } from "../observers/create-observer.js";
import type { GridQuestion } from "../observers/value-range.js";
import { SMALLEST_STEP } from "./smallest-step.js";

/** The step of a grid that begins at 0, or is symmetric about it, as an observer finds it for the first values. */
export function observedStep(observer: string, question: GridQuestion): Readonly<Record<"step", Learned<unknown>>> {
  return {
    step: {
      isFixed: true,
      initial: (values, _, batches = [values]) => {
        const { min, max } = observedRange(observer, question, batches);
        return Math.max(SMALLEST_STEP, (max - min) / (question.levels - 1));
      },
    },
  };
}
