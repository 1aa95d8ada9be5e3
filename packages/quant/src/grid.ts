import { type CodeFormat, codeFormat, divide, type Tensor, type Variable } from "@lowbit/core-tensor";
import type { CodeRange, Held, Quantizer, Term } from "./define-quantizer.js";

/** A quantizer with its options, and the numbers that it learns for one slot of one layer. */
export interface BoundQuantizer {
  readonly quantizer: Quantizer;
  readonly options: unknown;
  readonly learned: Held;
  /** What a step of training that met these values makes of the numbers that follow them; nothing where none does. */
  readonly moved?: (values: readonly Tensor[]) => readonly MovedNumber[];
}

/** A number of a quantizer that is not trained, and what it is to become. */
export interface MovedNumber {
  readonly variable: Variable;
  readonly value: Tensor;
}

/** A weight's quantizer, and the constant g of a static grid: w is quantized as g · q(w / g). */
export interface BoundWeight extends BoundQuantizer {
  readonly gain: number;
}

/** What a quantizer goes by for some values. */
export interface Grid {
  /** Set where the scale is a constant of the grid. */
  readonly constant?: number;
  /** Set where it is not. */
  readonly tensor?: Tensor;
  readonly held: Held;
}

/** The scale that a quantizer uses for these values, and what it holds beside it. */
export function gridOf({ quantizer, options, learned }: BoundQuantizer, values: Tensor): Grid {
  const scale = quantizer.scale(options);
  const held = { ...quantizer.statistics?.(values, options), ...learned };
  if (scale.kind === "constant") return { constant: scale.value, held };
  if (scale.kind === "learned") return { tensor: scale.compute(held), held };
  return { tensor: scale.compute(values, options, held), held };
}

/** Levels of a weight (without its gain), its codes, and the grid that joins them. */
export function weightCodes(bound: BoundWeight, w: Tensor) {
  const { quantizer, options, gain } = bound;
  const scaled = gain === 1 ? w : divide(w, gain);
  const grid = gridOf(bound, scaled);
  const levels = quantizer.fakeQuantize(scaled, options, grid.tensor, grid.held);
  return { levels, codes: quantizer.toCodes(levels, options, grid.tensor, grid.held), grid };
}

/** The format in which codes of a range are packed. */
export const formatOf = ({ kind, min, max }: CodeRange): CodeFormat => codeFormat(kind, min, max);

/** Part of the levels of a slot: scale · codes. */
export interface BoundTerm extends Pick<Term, "codes" | "channels"> {
  readonly format: CodeFormat;
  readonly scale: Tensor | number;
}

/** The terms whose sum is fromCodes(codes): one, but for quantizers that say otherwise. */
export function termsOf({ quantizer, options }: BoundQuantizer, codes: Tensor, grid: Grid): BoundTerm[] {
  if (!quantizer.terms) {
    return [{ codes, format: formatOf(quantizer.codes(options)), scale: grid.tensor ?? grid.constant ?? 1 }];
  }
  return quantizer
    .terms(codes, options, grid.tensor, grid.held)
    .map(({ range, ...term }) => ({ ...term, format: formatOf(range) }));
}
