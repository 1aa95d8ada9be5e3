import { abs, add, clip, multiply, sigmoid, subtract, type Tensor } from "@lowbit/core-tensor";
import { z } from "zod";
import { clippedGradient, type DeclaredGradient } from "../define-quantizer.js";

/** What stands for the gradient of sign, which is 0 wherever it exists. */
export const pseudoGradient = z.enum(["clipped-identity", "approximate-sign", "swish-sign"]);
type PseudoGradient = z.output<typeof pseudoGradient>;

/** How steep swish-sign is at 0, as BNN+ has it. */
const BETA = 5;

/**
 * A smooth stand-in for sign(x), whose true gradient is the pseudo-gradient.
 *
 * clipped-identity   clip(x, −1, 1); slope 1 where |x| ≤ 1               Hubara et al., arXiv 1602.02830, eq. 4
 * approximate-sign   2c − c·|c| with c = clip(x, −1, 1); slope 2 − 2|c|   Liu et al., "Bi-Real Net", arXiv 1808.00278, eq. 6
 * swish-sign         2σ(βx)·(1 + βx·(1 − σ(βx))) − 1 with β = 5          Darabi et al., "BNN+", arXiv 1812.11800, eq. 3
 */
export function signCarrier(x: Tensor, gradient: PseudoGradient): Tensor {
  const clipped = clip(x, { min: -1, max: 1 });
  if (gradient === "clipped-identity") return clipped;
  if (gradient === "approximate-sign") return multiply(clipped, subtract(2, abs(clipped)));
  const steep = multiply(clip(x, { min: -8, max: 8 }), BETA); // e⁻⁴⁰ is nothing beside 1: no gradient is lost beyond
  const s = sigmoid(steep);
  return subtract(multiply(multiply(s, 2), add(1, multiply(steep, subtract(1, s)))), 1);
}

/** The slope of `signCarrier`, in plain numbers. */
export function signGradient(gradient: PseudoGradient): DeclaredGradient {
  if (gradient === "clipped-identity") return clippedGradient(-1, 1);
  if (gradient === "approximate-sign") return { edges: [-1, 1], at: (x) => Math.max(0, 2 - 2 * Math.abs(x)) };
  return { edges: [], at: (x) => swishSlope(Math.abs(x)) };
}

/** β · (2 − βx · tanh(βx / 2)) / (1 + cosh(βx)), as the paper prints it; 0 where cosh is past counting. */
function swishSlope(x: number): number {
  const steep = BETA * x;
  return steep > 700 ? 0 : (BETA * (2 - steep * Math.tanh(steep / 2))) / (1 + Math.cosh(steep));
}
