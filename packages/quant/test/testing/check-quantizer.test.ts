import {
  add,
  clip,
  divide,
  maximum,
  mean,
  multiply,
  reshape,
  roundHalfEven,
  roundStraightThrough,
  type Tensor,
} from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  clippedGradient,
  defineQuantizer,
  type Quantizer,
  uniformSymmetric,
  uniformUnsigned,
} from "../../src/index.js";
import { checkQuantizer, type RuleName, ruleNames } from "../../src/testing/index.js";

type Options = { bits: number };

const n = (bits: number): number => 2 ** (bits - 1) - 1;

/** A sound quantizer; each case below breaks one thing about it. */
const sound: Quantizer<Options> = defineQuantizer<Options>({
  name: "sound",
  version: 1,
  options: z.strictObject({ bits: z.int().min(2).max(8) }),
  codes: ({ bits }) => ({ kind: "int", min: -n(bits), max: n(bits) }),
  scale: ({ bits }) => ({ kind: "constant", value: 1 / n(bits) }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (x, { bits }) => divide(roundStraightThrough(multiply(clip(x, { min: -1, max: 1 }), n(bits))), n(bits)),
  toCodes: (levels, { bits }) => roundHalfEven(multiply(levels, n(bits))),
  fromCodes: (codes, { bits }) => divide(codes, n(bits)),
  gradient: () => clippedGradient(-1, 1),
});

const broken = (change: Partial<Quantizer<Options>>): Quantizer<Options> =>
  defineQuantizer<Options>({ ...sound, name: "broken", ...change });

/** A mean as the scale; `pick` says over which axes it goes, and so whose it is. */
const meanScale = (axes: readonly number[] | undefined, floor: number): Partial<Quantizer<Options>> => ({
  scale: () => ({
    kind: "statistic",
    compute: (x) => maximum(mean(multiply(x, x), { axes, keepDims: true }), floor),
  }),
  granularity: () => ({ kind: "per-channel", axis: 0 }),
  fakeQuantize: (x, { bits }, s) =>
    multiply(clip(roundStraightThrough(divide(x, s as Tensor)), { min: -n(bits), max: n(bits) }), s as Tensor),
  toCodes: (levels, _, s) => roundHalfEven(divide(levels, s as Tensor)),
  fromCodes: (codes, _, s) => multiply(codes, s as Tensor),
  gradient: undefined,
});

const cases: [RuleName, string, Quantizer<Options>][] = [
  [
    "takes its options, and the same ones read back from JSON",
    "options that JSON can't hold",
    broken({ options: z.object({ bits: z.int().transform(() => Number.POSITIVE_INFINITY) }) as never }),
  ],
  [
    "takes its options, and the same ones read back from JSON",
    "options that change each time they are read",
    broken({ options: z.object({ bits: z.int().transform((bits) => bits + 1) }) }),
  ],
  [
    "declares codes that can be packed",
    "codes of 9 bits",
    broken({ codes: () => ({ kind: "int", min: -255, max: 255 }) }),
  ],
  [
    "declares codes that can be packed",
    "unsigned codes below 0",
    broken({ codes: () => ({ kind: "uint", min: -1, max: 1 }) }),
  ],
  [
    "has a positive scale of each channel's own",
    "a constant scale of 0",
    broken({ scale: () => ({ kind: "constant", value: 0 }) }),
  ],
  ["has a positive scale of each channel's own", "a statistic that is 0 for zeros", broken(meanScale([1, 2, 3], 0))],
  ["has a positive scale of each channel's own", "one scale for all channels", broken(meanScale(undefined, 1e-9))],
  [
    "keeps the shape",
    "values in a row",
    broken({ fakeQuantize: (x, options) => reshape(sound.fakeQuantize(x, options), { shape: [-1] }) }),
  ],
  [
    "keeps the shape",
    "an operation that can't take the values",
    broken({ fakeQuantize: (x) => mean(x, { axes: [9] }) }),
  ],
  ["is monotone", "a mirror", broken({ fakeQuantize: (x, options) => sound.fakeQuantize(multiply(x, -1), options) })],
  ["has at most 2^k levels", "no rounding", broken({ fakeQuantize: (x) => clip(x, { min: -1, max: 1 }) })],
  [
    "has at most 2^k levels",
    "one code too many",
    broken({
      codes: ({ bits }) => ({ kind: "int", min: -n(bits) - 2, max: n(bits) + 2 }),
      fakeQuantize: (x, { bits }) =>
        divide(roundStraightThrough(multiply(clip(x, { min: -2, max: 2 }), n(bits))), n(bits)),
    }),
  ],
  [
    "takes 0 where its codes say",
    "0 goes up",
    broken({ fakeQuantize: (x, options) => sound.fakeQuantize(add(x, 0.6 / n(3)), options) }),
  ],
  [
    "gives levels back when it meets them again",
    "levels that shrink",
    broken({ fakeQuantize: (x, options) => sound.fakeQuantize(multiply(x, 0.6), options) }),
  ],
  ["has the gradient that it declares", "another range", broken({ gradient: () => clippedGradient(-0.5, 1) })],
  [
    "has the gradient that it declares",
    "open edges",
    broken({ gradient: () => ({ edges: [-1, 1], at: (x) => (Math.abs(x) < 1 ? 1 : 0) }) }),
  ],
  [
    "has the gradient that it declares",
    "no gradient at all",
    broken({
      fakeQuantize: (x, { bits }) => divide(roundHalfEven(multiply(clip(x, { min: -1, max: 1 }), n(bits))), n(bits)),
    }),
  ],
  [
    "makes whole codes within their range",
    "a clip that is too wide",
    broken({
      fakeQuantize: (x, { bits }) =>
        divide(roundStraightThrough(multiply(clip(x, { min: -2, max: 2 }), n(bits))), n(bits)),
    }),
  ],
  [
    "makes whole codes within their range",
    "halves",
    broken({ toCodes: (levels, { bits }) => multiply(levels, n(bits) / 2) }),
  ],
  [
    "turns codes into levels and back exactly",
    "another way back",
    broken({ fromCodes: (codes, { bits }) => multiply(codes, 1.0001 / n(bits)) }),
  ],
  ["has levels of scale times code", "another scale", broken({ scale: () => ({ kind: "constant", value: 0.9 }) })],
  [
    "packs and unpacks its codes",
    "codes that its format has no field for",
    broken({ codes: () => ({ kind: "bipolar", min: -1, max: 1 }) }),
  ],
];

describe("checkQuantizer", () => {
  it.each(cases)("%s: finds %s", async (rule, _, quantizer) => {
    const violations = await checkQuantizer(quantizer, [{ bits: 3 }]);
    expect(violations.map((each) => each.rule)).toContain(rule);
    for (const { message, options } of violations) {
      expect(message).toMatch(/\S/);
      expect(options).toEqual({ bits: 3 });
    }
  });

  it("has a broken quantizer for each of its rules", () =>
    expect(new Set(cases.map(([rule]) => rule))).toEqual(new Set(ruleNames)));

  it("finds nothing where the contract is kept", async () => {
    expect(
      await checkQuantizer(
        sound,
        [2, 3, 8].map((bits) => ({ bits })),
      ),
    ).toEqual([]);
    expect(await checkQuantizer(broken(meanScale([1, 2, 3], 1e-9)), [{ bits: 3 }])).toEqual([]);
    expect(await checkQuantizer(uniformSymmetric, [{ bits: 2, granularity: "per-channel", axis: 1 }])).toEqual([]);
    expect(await checkQuantizer(uniformUnsigned, [{ bits: 1 }])).toEqual([]);
  });

  it("lets a quantizer off from being idempotent when it says why", async () => {
    const shrinks = { fakeQuantize: (x: Tensor, options: Options) => sound.fakeQuantize(multiply(x, 0.6), options) };
    const excused = broken({ ...shrinks, gradient: undefined, whyNotIdempotent: "it shrinks values by 0.6 first" });
    expect(await checkQuantizer(excused, [{ bits: 3 }])).toEqual([]);
  });
});
