import { maximum, type Tensor } from "@lowbit/core-tensor";
import type { Learned } from "../define-quantizer.js";
import { momentumOf, observedRange } from "../observers/create-observer.js";
import type { GridQuestion } from "../observers/value-range.js";
import { movedAverage } from "./moved-average.js";
import { SMALLEST_STEP } from "./smallest-step.js";

/**
 * The step of a grid that begins at 0, or is symmetric about it, as an observer finds it for the first values. A moving average goes on
 * in training, batch by batch; the others stay.
 *
 * @param stepOf  the step of a grid that just holds some values: one, or one for each channel or group
 */
export function observedStep(
  observer: string,
  question: GridQuestion,
  stepOf: (values: Tensor) => Tensor,
): Readonly<Record<"step", Learned<unknown>>> {
  const momentum = momentumOf(observer);
  const moved: Learned<unknown>["moved"] = (values, _, { step }) => {
    const now = values.map(stepOf).reduce((largest, each) => maximum(largest, each));
    return maximum(movedAverage(step, now, momentum as number), SMALLEST_STEP);
  };
  return {
    step: {
      isFixed: true,
      initial: (values, _, batches = [values]) => {
        const { min, max } = observedRange(observer, question, batches);
        return Math.max(SMALLEST_STEP, (max - min) / (question.levels - 1));
      },
      ...(momentum !== undefined && { moved }),
    },
  };
}
