import {
  abs,
  clip,
  divide,
  max,
  maximum,
  multiply,
  reshape,
  roundHalfEven,
  roundStraightThrough,
  slice,
  stopGradient,
  type Tensor,
  zeroPad,
} from "@lowbit/core-tensor";
import { z } from "zod";
import { defineQuantizer } from "../define-quantizer.js";
import { SMALLEST_SCALE } from "./smallest-scale.js";

const largestCode = (bits: number): number => 2 ** (bits - 1) - 1;
const groupsOf = (w: Tensor, size: number): number => Math.ceil(w.shape[1] / size);

/** w [M, C, …] as [M, G, size, …], the last group filled up with zeros. */
function inGroups(w: Tensor, size: number): Tensor {
  const [M, C, ...rest] = w.shape;
  const groups = groupsOf(w, size);
  const missing = groups * size - C;
  const whole =
    missing === 0
      ? w
      : zeroPad(w, { before: w.shape.map(() => 0), after: w.shape.map((_, axis) => (axis === 1 ? missing : 0)) });
  return reshape(whole, { shape: [M, groups, size, ...rest] });
}

/** [M, G, size, …] as w [M, C, …] again. */
function outOfGroups(grouped: Tensor, { shape }: Tensor): Tensor {
  const [M, groups, size, ...rest] = grouped.shape;
  const whole = reshape(grouped, { shape: [M, groups * size, ...rest] });
  return shape[1] === groups * size ? whole : slice(whole, { begin: shape.map(() => 0), size: shape });
}

/** Levels to codes or back: `change` with the scale of each group. */
const throughGroups = (x: Tensor, size: number, scale: Tensor, change: (x: Tensor, scale: Tensor) => Tensor): Tensor =>
  outOfGroups(change(inGroups(x, size), scale), x);

/**
 * Weights [M, C, …] on symmetric grids, one for each group of `size` input channels of each output channel:
 * q(w) = s · clip(round(w / s), −n, n), s = max|w| / n of the group, n = 2^(k−1) − 1. Ties go to the even code. The packed
 * network makes one sum of whole numbers for each group.
 *
 * Gradient: 1 where |round(w / s)| ≤ n, which is everywhere for the weights that s was made of; it does not see s.
 */
export const groupWeight = defineQuantizer({
  name: "group-weight",
  version: 1,
  source: "uniform grid, symmetric about 0, a scale for each group (Dai et al., VS-Quant, arXiv 2102.04503, section 4)",
  options: z.strictObject({
    bits: z.int().min(2).max(8),
    /** Input channels that share a scale. */
    size: z.int().min(1).max(65_536),
  }),
  codes: ({ bits }) => ({ kind: "int", min: -largestCode(bits), max: largestCode(bits) }),
  scale: ({ bits, size }) => ({
    kind: "statistic",
    compute: (w) => {
      const axes = w.shape.map((_, axis) => axis + 1).slice(1); // of [M, G, size, …], all but the first two
      const largest = max(abs(inGroups(w, size)), { axes, keepDims: true });
      return stopGradient(divide(maximum(largest, SMALLEST_SCALE), largestCode(bits)));
    },
  }),
  granularity: ({ size }) => ({ kind: "per-group", size }),
  fakeQuantize: (w, { bits, size }, scale) =>
    throughGroups(w, size, scale as Tensor, (x, s) => {
      const n = largestCode(bits);
      return multiply(clip(roundStraightThrough(divide(x, s)), { min: -n, max: n }), s);
    }),
  toCodes: (levels, { size }, scale) => roundHalfEven(throughGroups(levels, size, scale as Tensor, divide)),
  fromCodes: (codes, { size }, scale) => throughGroups(codes, size, scale as Tensor, multiply),
  terms: (codes, { bits, size }, scale) => {
    const n = largestCode(bits);
    const [M, C, ...rest] = codes.shape;
    return Array.from({ length: groupsOf(codes, size) }, (_, group) => {
      const channels = { from: group * size, count: Math.min(size, C - group * size) };
      const begin = codes.shape.map((_, axis) => (axis === 1 ? channels.from : 0));
      const each = scale as Tensor; // [M, G, 1, …]
      const own = slice(each, {
        begin: each.shape.map((_, axis) => (axis === 1 ? group : 0)),
        size: each.shape.map((whole, axis) => (axis === 1 ? 1 : whole)),
      });
      return {
        codes: slice(codes, { begin, size: [M, channels.count, ...rest] }),
        range: { kind: "int", min: -n, max: n },
        scale: reshape(own, { shape: [M, 1, ...rest.map(() => 1)] }),
        channels,
      };
    });
  },
  gradient: ({ bits }, scale) => {
    const edge = (largestCode(bits) + 0.5) * scale; // n is odd: halfway goes up, to n + 1
    return { edges: [-edge, edge], at: (w) => (Math.abs(w) < edge ? 1 : 0) };
  },
});
