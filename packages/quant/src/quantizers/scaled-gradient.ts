import { elementsOf, multiply, type Tensor } from "@lowbit/core-tensor";
import { straightThrough } from "../straight-through.js";

/** What a learned step is the step of; decides how many values pull at it. */
export type ValuesOf = "weights" | "activations";

/**
 * A learned number as it is, with its gradient times g = 1 / √(N · Q): N weights, or N features of one image, and Q the
 * largest code. So it moves, beside its size, about as fast as the weights do.
 *
 * Source: Esser et al., "LSQ", arXiv 1902.08153, section 2.2
 */
export function scaledGradient(learned: Tensor, x: Tensor, of: ValuesOf, largestCode: number): Tensor {
  const count = elementsOf(of === "weights" ? x.shape : x.shape.slice(1));
  return straightThrough(learned, multiply(learned, 1 / Math.sqrt(Math.max(1, count) * largestCode)));
}
