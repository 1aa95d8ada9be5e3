import { elementsOf, parameter, type Shape, stateVariable, type Tensor, type Variable } from "@lowbit/core-tensor";
import type { Held } from "./define-quantizer.js";
import type { BoundQuantizer } from "./grid.js";
import { firstLearned, learnedShape } from "./learned-values.js";

/** What a quantizer learns or holds for one slot: as it sees it, and as variables. */
export interface LearnedVariables {
  readonly learned: Held;
  readonly moved?: BoundQuantizer["moved"];
  readonly variables: readonly Variable[];
}

/**
 * Makes the variables that a quantizer learns or holds for values of this shape: "SLOT.step".
 *
 * @param first  their first values, by the variable's name; 1 where undefined, for a checkpoint to overwrite
 */
export function bindLearned(
  slot: string,
  { quantizer, options }: Omit<BoundQuantizer, "learned" | "moved">,
  shape: Shape,
  first: (name: string, part: string) => Float32Array | (() => Float32Array) | undefined,
  learningRateFactor = 1,
): LearnedVariables {
  const own = learnedShape(quantizer.granularity(options), shape);
  const declared = quantizer.learned?.(options) ?? {};
  const entries = Object.entries(declared).map(([part, { decays = false, isFixed }]) => {
    const name = `${slot}.${part}`;
    const data = first(name, part) ?? (() => new Float32Array(elementsOf(own)).fill(1));
    const variable = isFixed
      ? stateVariable(name, { dtype: "f32", shape: own, data })
      : parameter(name, own, data, { decays, learningRateFactor });
    return [part, variable] as const;
  });
  const learned = Object.fromEntries(entries.map(([part, { tensor }]) => [part, tensor]));
  const moving = entries.filter(([part]) => declared[part].moved);
  const moved = (values: readonly Tensor[]) =>
    moving.flatMap(([part, variable]) => {
      const value = declared[part].moved?.(values, options, learned);
      return value ? [{ variable, value }] : [];
    });
  return {
    learned,
    variables: entries.map(([, variable]) => variable),
    ...(moving.length > 0 && { moved }),
  };
}

/** The same for a weight, from its own first values; these are made when somebody needs them. */
export function bindLearnedOfWeight(
  slot: string,
  bound: Omit<BoundQuantizer, "learned" | "moved">,
  weight: Variable,
): LearnedVariables {
  const { quantizer, options } = bound;
  const values = () => ({ dtype: weight.dtype, shape: weight.shape, data: weight.initial });
  const first = (_: string, part: string) => () =>
    firstLearned(quantizer, options, values())[part].data as Float32Array;
  return bindLearned(slot, bound, weight.shape, first);
}
