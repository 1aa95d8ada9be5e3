import {
  add,
  assign,
  cast,
  concat,
  constantOf,
  createStream,
  defineOp,
  fillWords,
  multiply,
  randomUniform,
  reshape,
  stateVariable,
  subtract,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import { type BoundQuantizer, gridOf } from "./grid.js";

/** A quantizer of what flows back into a layer's output. */
export interface BoundGradient extends BoundQuantizer {
  /** Its layer's own stream of random numbers. */
  readonly key: Uint32Array;
}

/** The stream in which the gradient of a layer is rounded. */
export function gradientKey(seed: number, layer: string): Uint32Array {
  const key = new Uint32Array(2);
  fillWords(key, createStream(seed, `gradient/${layer}`));
  return key;
}

/** How many steps have drawn numbers: a resumed run rounds as it would have. Kept in f32, so that 2²⁴ steps differ. */
export const gradientStep = (): Variable =>
  stateVariable("quantization.gradientStep", { dtype: "f32", shape: [], data: Float32Array.of(0) });

/** Moves on to the numbers of the next step; once in a step. */
export const countStep = (step: Variable): void => assign(step, add(step, 1));

/**
 * A layer's output as it is, with what flows back into it quantized: both the gradient of the layer's input and that of its
 * weight are made of the few levels that are left.
 *
 * Rounding is stochastic: σ times the distance of two levels is added first, σ uniform in [−1/2, 1/2), drawn by seed, layer,
 * number of the step and place alone, so on any backend and number of threads. The scale is that of the gradient without it.
 */
export function quantizeGradient(output: Tensor, bound: BoundGradient, step: Variable): Tensor {
  const { quantizer, options, key } = bound;
  const quantized = (dy: Tensor): Tensor => {
    const { tensor: scale, constant = 1, held } = gridOf(bound, dy);
    const counter = cast(reshape(step, { shape: [1] }), { dtype: "i32" });
    const rest = constantOf({ dtype: "i32", shape: [3], data: Int32Array.of(0, key[0], key[1]) });
    const sigma = subtract(randomUniform(concat([counter, rest], { axis: 0 }), { shape: dy.shape }), 0.5);
    const distance = multiply(scale ?? constant, quantizer.codes(options).kind === "bipolar" ? 2 : 1);
    return quantizer.fakeQuantize(add(dy, multiply(sigma, distance)), options, scale, held);
  };
  const gate = defineOp<1>({
    name: "quantizeGradient",
    arity: 1,
    isView: true,
    shape: ([y]) => y,
    gradient: (dy) => [quantized(dy)],
    examples: [],
  });
  return gate(output);
}
