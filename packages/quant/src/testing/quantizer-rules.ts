import { bytesOf, type CodeFormat, codeFormat, packFields, unpackFields } from "@lowbit/core-tensor";
import type { CodeRange, DeclaredGradient } from "../define-quantizer.js";
import type { Observation } from "./observe-quantizer.js";

/** All that the rules look at: what was declared for one set of options, and what happened. */
export interface QuantizerCase {
  readonly codes: CodeRange;
  /** The most levels that k bits can tell apart; k from the options where they have `bits`, else from the codes. */
  readonly mostLevels: number;
  /** Whether the scale is a constant: then edges are where they are, to the last bit. */
  readonly isStatic: boolean;
  readonly gradient: DeclaredGradient | undefined;
  /** Whether levels are sums of terms and not scale · code. */
  readonly hasTerms: boolean;
  /** Over the probes, and over the levels of all codes. */
  readonly probes: Observation;
  readonly everyCode: {
    readonly codes: readonly number[];
    readonly levels: Float32Array;
    readonly back: Float32Array;
    /** Scale times code; the sum of its terms where a level has some. */
    readonly together: Float32Array;
  };
}

/** What is wrong, in one line; undefined where the rule holds. */
export type QuantizerRule = (observed: QuantizerCase) => string | undefined;

/** An edge that is a multiple of a computed scale may move by a few float32 steps: so near, either side will do. */
const BESIDE = 2 ** -20;
/** Below it float32 counts in whole steps: half a step more is 0. */
const SMALLEST_NORMAL = 2 ** -126;
const isBeside = (value: number, edge: number): boolean =>
  Math.abs(value - edge) < Math.max(SMALLEST_NORMAL, BESIDE * Math.abs(edge));
/** A gradient of a few float32 operations, against float64. */
const isClose = (got: number, want: number): boolean => Math.abs(got - want) <= 5e-6 * Math.max(1, Math.abs(want));

/** The first place where a claim fails, as a sentence. */
function firstFailure(count: number, holds: (i: number) => boolean, say: (i: number) => string): string | undefined {
  for (let i = 0; i < count; i++) if (!holds(i)) return say(i);
  return undefined;
}

/** Every code of a range: bipolar ones are two apart, so that 0 is none of them. */
export function listCodes({ kind, min, max }: CodeRange): number[] {
  const step = kind === "bipolar" ? 2 : 1;
  return Array.from({ length: Math.floor((max - min) / step) + 1 }, (_, i) => min + step * i);
}

const kinds: Record<CodeFormat["kind"], (min: number, max: number) => boolean> = {
  binary: (min, max) => min === 0 && max === 1,
  bipolar: (min, max) => min === -max && max % 2 === 1,
  ternary: (min, max) => min === -1 && max === 1,
  int: (min) => min < 0,
  uint: (min) => min === 0,
};

/** Why a range of codes can't be packed, or does not fit its kind. */
export function refuseCodes({ kind, min, max }: CodeRange): string | undefined {
  if (!kinds[kind]?.(min, max)) return `codes of kind ${kind} can't run from ${min} to ${max}`;
  try {
    codeFormat(kind, min, max);
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
}

/** The rules of the contract that look at numbers, by name. */
export const quantizerRules = {
  "keeps the shape": ({ probes: { shapes } }) =>
    shapes.levels.join() === shapes.values.join() ? undefined : `[${shapes.values}] became [${shapes.levels}]`,

  "is monotone": ({ probes: { values, levels } }) =>
    firstFailure(
      values.length - 1,
      (i) => levels[i] <= levels[i + 1],
      (i) => `q(${values[i]}) = ${levels[i]}, but q(${values[i + 1]}) = ${levels[i + 1]}`,
    ),

  "has at most 2^k levels": ({ probes: { levels }, mostLevels }) => {
    const count = new Set(levels.map((level) => level + 0)).size;
    return count <= mostLevels ? undefined : `${count} levels, and at most ${mostLevels} allowed`;
  },

  "takes 0 where its codes say": ({ codes, hasTerms, probes: { values, levels, codes: made } }) => {
    const i = values.indexOf(0);
    if (hasTerms) return undefined; // an offset, or other terms, put 0 where they like
    const declared = listCodes(codes).includes(0) ? 0 : 1; // sign(0) = +1: codes without a 0 take it for positive
    if (made[i] === declared && (declared !== 0 || levels[i] === 0)) return undefined;
    return `q(0) = ${levels[i]}, code ${made[i]}; its codes from ${codes.min} to ${codes.max} declare code ${declared}`;
  },

  "gives levels back when it meets them again": ({ probes: { values, levels, again } }) =>
    firstFailure(
      values.length,
      (i) => levels[i] === again[i],
      (i) => `q(${values[i]}) = ${levels[i]}, and q of that is ${again[i]}`,
    ),

  "has the gradient that it declares": ({ gradient, isStatic, probes: { values, gradients } }) =>
    firstFailure(
      values.length,
      (i) => {
        if (gradient === undefined) return Number.isFinite(gradients[i]);
        const edge = isStatic ? undefined : gradient.edges.find((each) => isBeside(values[i], each));
        const wanted = edge === undefined ? [values[i]] : [values[i], edge * (1 - BESIDE), edge * (1 + BESIDE)];
        return wanted.some((value) => isClose(gradients[i], gradient.at(value)));
      },
      (i) =>
        `at ${values[i]} the gradient is ${gradients[i]}, declared is ${gradient?.at(values[i]) ?? "a finite one"}`,
    ),

  "makes whole codes within their range": ({ codes, probes: { values, codes: made } }) => {
    const allowed = new Set(listCodes(codes));
    return firstFailure(
      made.length,
      (i) => allowed.has(made[i] + 0),
      (i) => `code ${made[i]} for ${values[i]} is not one of ${codes.kind} ${codes.min} … ${codes.max}`,
    );
  },

  "turns codes into levels and back exactly": ({ probes: { values, levels, restored, codes }, everyCode }) =>
    firstFailure(
      values.length,
      (i) => levels[i] === restored[i],
      (i) => `q(${values[i]}) = ${levels[i]}, but its code ${codes[i]} means ${restored[i]}`,
    ) ??
    firstFailure(
      everyCode.codes.length,
      (i) => everyCode.codes[i] === everyCode.back[i],
      (i) => `code ${everyCode.codes[i]} means ${everyCode.levels[i]}, whose code is ${everyCode.back[i]}`,
    ),

  "has levels of scale times code": ({ everyCode: { codes, levels, together } }) => {
    const largest = levels.reduce((most, level) => Math.max(most, Math.abs(level)), 0);
    return firstFailure(
      codes.length,
      (i) => Math.abs(levels[i] - together[i]) <= 2 ** -22 * largest,
      (i) => `code ${codes[i]} means ${levels[i]}, scale · code, or the sum of its terms, is ${together[i]}`,
    );
  },

  "packs and unpacks its codes": ({ codes: range, probes: { codes } }) => {
    const format = codeFormat(range.kind, range.min, range.max);
    const packed = packFields(
      Array.from(codes, (code) => (code - format.offset) / format.step),
      format.bits,
    );
    const bytes = bytesOf(`p${format.bits}` as "p1", codes.length);
    if (packed.length !== bytes) return `${packed.length} bytes instead of ${bytes}`;
    const fields = unpackFields(packed, format.bits, codes.length);
    return firstFailure(
      codes.length,
      (i) => format.offset + format.step * fields[i] === codes[i],
      (i) => `code ${codes[i]} comes back as ${format.offset + format.step * fields[i]}`,
    );
  },
} as const satisfies Record<string, QuantizerRule>;
