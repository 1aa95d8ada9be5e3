import { add, multiply, type Tensor } from "@lowbit/core-tensor";

/** m · old + (1 − m) · new. Source: Jacob et al., arXiv 1712.05877, section 3.1 */
export const movedAverage = (old: Tensor, now: Tensor, momentum: number): Tensor =>
  add(multiply(old, momentum), multiply(now, 1 - momentum));
