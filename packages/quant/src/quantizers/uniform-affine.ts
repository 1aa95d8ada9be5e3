import {
  add,
  clip,
  divide,
  max,
  maximum,
  multiply,
  roundHalfEven,
  roundStraightThrough,
  subtract,
  type Tensor,
} from "@lowbit/core-tensor";
import { z } from "zod";
import {
  type CodeRange,
  defineQuantizer,
  type Granularity,
  type Held,
  type Learned,
  type Term,
} from "../define-quantizer.js";
import { momentumOf, observedRange, observerOption } from "../observers/create-observer.js";
import { widened } from "../observers/value-range.js";
import { inGroups, listGroups, outOfGroups } from "./channel-groups.js";
import { movedAverage } from "./moved-average.js";
import { onesLike } from "./ones-like.js";
import { scaledGradient } from "./scaled-gradient.js";
import { SMALLEST_STEP } from "./smallest-step.js";

const options = z
  .strictObject({
    bits: z.int().min(1).max(8),
    /** Says where the grid begins and ends, for the first values: "percentile:99.9", "moving-average". */
    observer: observerOption.default("min-max"),
    /** Whether step and zero point stay what was observed, or are trained from there on. */
    scale: z.enum(["observed", "learned"]).default("observed"),
    /** Decides how fast they move where they are trained. */
    of: z.enum(["weights", "activations"]).default("activations"),
    granularity: z.enum(["per-tensor", "per-channel", "per-group"]).default("per-tensor"),
    /** Input channels that share a grid, where it is one for each group. */
    size: z.int().min(1).max(65_536).optional(),
  })
  .refine(({ granularity, size }) => (granularity === "per-group") === (size !== undefined), {
    message: "a number of input channels where the granularity is per-group, and there alone",
    path: ["size"],
  });

type Options = z.output<typeof options>;

const largestCode = ({ bits }: Pick<Options, "bits">): number => 2 ** bits - 1;
const rangeOf = (options: Options): CodeRange => ({
  kind: options.bits === 1 ? "binary" : "uint",
  min: 0,
  max: largestCode(options),
});

function granularityOf({ granularity, size = 1 }: Options): Granularity {
  if (granularity === "per-group") return { kind: "per-group", size };
  return granularity === "per-channel" ? { kind: "per-channel", axis: 0 } : { kind: "per-tensor" };
}

/** The observed grid, widened so that 0 is a level: padding, and what ReLU makes, lose nothing. */
function firstGrid(batches: readonly Float32Array[], options: Options): { step: number; zeroPoint: number } {
  const n = largestCode(options);
  const seen = observedRange(options.observer, { levels: n + 1, anchor: "free" }, batches);
  const { min, max } = widened({ min: Math.min(0, seen.min), max: Math.max(0, seen.max) });
  const step = Math.max(SMALLEST_STEP, (max - min) / n);
  return { step, zeroPoint: Math.min(n, Math.max(0, Math.round(-min / step))) };
}

/** The largest value of all, of each output channel or of each group: in the shape of the step. */
function largestOf(x: Tensor, { granularity, size }: Options): Tensor {
  if (granularity === "per-tensor") return max(x);
  const grouped = size === undefined ? x : inGroups(x, size);
  const axes = grouped.shape.map((_, axis) => axis).slice(size === undefined ? 1 : 2);
  return max(grouped, { axes, keepDims: true });
}

/**
 * The grid whose ends have moved towards the extremes of a batch, 0 among them: their average lies behind step and zero point, which is
 * no whole number here. Only quantizing rounds it.
 */
function movedGrid(values: readonly Tensor[], options: Options, { step, zeroPoint }: Held): Held {
  const n = largestCode(options);
  const momentum = momentumOf(options.observer) as number;
  const among = (of: (x: Tensor) => Tensor) =>
    values.map((x) => maximum(of(x), 0)).reduce((largest, each) => maximum(largest, each));
  const above = movedAverage(
    multiply(subtract(n, zeroPoint), step),
    among((x) => largestOf(x, options)),
    momentum,
  );
  const below = movedAverage(
    multiply(zeroPoint, step),
    among((x) => largestOf(multiply(x, -1), options)),
    momentum,
  );
  const moved = maximum(divide(add(above, below), n), SMALLEST_STEP);
  return { step: moved, zeroPoint: clip(divide(below, moved), { min: 0, max: n }) };
}

/** A zero point is a code; trained, it is rounded straight through. */
const zeroPointOf = ({ zeroPoint }: Held, { bits }: Options): Tensor =>
  roundStraightThrough(clip(zeroPoint, { min: 0, max: largestCode({ bits }) }));

/** Does something to values, or codes, with the numbers of their channels or groups beside them. */
const alongside = (x: Tensor, { size }: Options, work: (x: Tensor) => Tensor): Tensor =>
  size === undefined ? work(x) : outOfGroups(work(inGroups(x, size)), x);

/** s · codes, and −s · z of ones. */
function termsOf(codes: Tensor, range: CodeRange, step: Tensor, zeroPoint: Tensor): Term[] {
  return [
    { codes, range, scale: step },
    {
      codes: onesLike(codes),
      range: { kind: "binary", min: 0, max: 1 },
      scale: multiply(multiply(step, zeroPoint), -1),
    },
  ];
}

/**
 * Whole numbers of k bits with a zero point z among them: q(x) = s · (round(clip(x / s + z, 0, n)) − z), n = 2^k − 1; one s and
 * z for all values, for each output channel (axis 0) or for each group of input channels of it. 0 is a level, of code z. Ties go
 * to the even code. An observer finds the range, and a moving average goes on finding it in training; it is widened to 0, s is the n-th part of it and z is rounded. Packed, z is a
 * sum of its own over the taps that are not padding: a constant, where it is that of the inputs.
 *
 * Gradient of x: 1 where 0 ≤ x / s + z ≤ n (edges included), 0 elsewhere. Where they are trained, of s: round(x / s) − x / s
 * inside, −z below, n − z above; of z: 0 inside, −s outside; both times LSQ's g.
 */
export const uniformAffine = defineQuantizer({
  name: "uniform-affine",
  version: 1,
  source: 'Jacob et al., arXiv 1712.05877, eq. 1; trained: Bhalgat et al., "LSQ+", arXiv 2004.09576',
  options,
  codes: rangeOf,
  learned: (options) => {
    const isFixed = options.scale === "observed";
    const first = (part: "step" | "zeroPoint"): Learned<Options>["initial"] => {
      return (values, _, batches = [values]) => firstGrid(batches, options)[part];
    };
    const moved = (part: "step" | "zeroPoint"): Partial<Learned<Options>> =>
      isFixed && momentumOf(options.observer) !== undefined
        ? { moved: (values, _, held) => movedGrid(values, options, held)[part] }
        : {};
    return {
      step: { isFixed, initial: first("step"), ...moved("step") },
      zeroPoint: { isFixed, initial: first("zeroPoint"), ...moved("zeroPoint") },
    };
  },
  scale: () => ({ kind: "learned", compute: ({ step }) => maximum(step, SMALLEST_STEP) }),
  granularity: granularityOf,
  fakeQuantize: (x, options, scale, held) => {
    const n = largestCode(options);
    const trained = (number: Tensor) =>
      options.scale === "learned" ? scaledGradient(number, x, options.of, n) : number;
    const step = trained(scale as Tensor);
    const zero = trained(zeroPointOf(held as Held, options));
    return alongside(x, options, (values) => {
      const codes = roundStraightThrough(clip(add(divide(values, step), zero), { min: 0, max: n }));
      return multiply(subtract(codes, zero), step);
    });
  },
  toCodes: (levels, options, scale, held) =>
    alongside(levels, options, (values) =>
      add(roundHalfEven(divide(values, scale as Tensor)), zeroPointOf(held as Held, options)),
    ),
  fromCodes: (codes, options, scale, held) =>
    alongside(codes, options, (each) => multiply(subtract(each, zeroPointOf(held as Held, options)), scale as Tensor)),
  terms: (codes, options, scale, held) => {
    const [step, zero, range] = [scale as Tensor, zeroPointOf(held, options), rangeOf(options)];
    if (options.size === undefined) return termsOf(codes, range, step, zero);
    return listGroups(codes, options.size).flatMap(({ channels, codesOf, own }) =>
      termsOf(codesOf(codes), range, own(step), own(zero)).map((term) => ({ ...term, channels })),
    );
  },
  gradient: (options, step, { zeroPoint }) => {
    const zero = Math.round(zeroPoint);
    const edges = [-zero * step, (largestCode(options) - zero) * step];
    return { edges, at: (x) => (x >= edges[0] && x <= edges[1] ? 1 : 0) };
  },
});
