import {
  ArgumentError,
  add,
  assign,
  cast,
  concat,
  constantOf,
  createStream,
  fillWords,
  greaterEqual,
  inLayer,
  multiply,
  randomUniform,
  reshape,
  select,
  stateVariable,
} from "@lowbit/core-tensor";
import type { Layer } from "./layer.js";

export interface DropoutLayerOptions {
  readonly name: string;
  /** How much is set to 0 in training: 0 ≤ rate < 1. */
  readonly rate: number;
  readonly seed: number;
  /** Axes along which all values fall together or stay together: [0] of [T, N, …] drops the same units in every step. None where absent. */
  readonly sharedAxes?: readonly number[];
}

/**
 * In training each value is 0 with probability `rate`, and the others grow by 1 / (1 − rate); in evaluation nothing happens.
 *
 * Which values fall is a function of seed, name and the number of the step, which is a variable: a resumed run drops the same.
 * The number is kept in f32, so that 2²⁴ steps differ.
 * Sources: Srivastava et al., JMLR 15, 2014; with axes shared over time: Gal and Ghahramani, arXiv 1512.05287, section 4
 */
export function dropoutLayer({ name, rate, seed, sharedAxes = [] }: DropoutLayerOptions): Layer {
  if (!(rate >= 0 && rate < 1)) {
    throw new ArgumentError(`dropout can't drop ${rate}`, { layer: name, want: "0 ≤ rate < 1", got: rate });
  }
  const stepNumber = stateVariable(`${name}.step`, { dtype: "f32", shape: [], data: Float32Array.of(0) });
  const key = new Uint32Array(2);
  fillWords(key, createStream(seed, `dropout/${name}`));
  return {
    name,
    variables: [stepNumber],
    forward: (x, { training }) => {
      if (!training || rate === 0) return x;
      return inLayer(name, () => {
        const counter = cast(reshape(stepNumber, { shape: [1] }), { dtype: "i32" });
        const rest = constantOf({ dtype: "i32", shape: [3], data: Int32Array.of(0, key[0], key[1]) });
        const place = concat([counter, rest], { axis: 0 }); // two words of the counter, two of the key
        assign(stepNumber, add(stepNumber, 1));
        const stays = greaterEqual(
          randomUniform(place, { shape: x.shape.map((size, axis) => (sharedAxes.includes(axis) ? 1 : size)) }),
          rate,
        );
        return select(stays, multiply(x, 1 / (1 - rate)), 0);
      });
    },
  };
}
