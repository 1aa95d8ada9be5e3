import { ArgumentError } from "../graph/errors.js";

/**
 * How integer codes are held in unsigned fields of a few bits: integer = offset + step · field, field 0 … levels − 1.
 * A quantized value is scale · integer.
 *
 *     binary  {0, 1}       offset  0, step 1, 1 bit        int    {−n … n}        offset −n, step 1
 *     bipolar {−1, +1}     offset −1, step 2, 1 bit        uint   {0 … n}         offset  0, step 1
 *     ternary {−1, 0, +1}  offset −1, step 1, 2 bits       affine {0 … n}, zero z offset −z, step 1
 */
export interface CodeFormat {
  readonly kind: "binary" | "bipolar" | "ternary" | "int" | "uint";
  readonly bits: number;
  readonly offset: number;
  readonly step: 1 | 2;
  readonly levels: number;
}

/** The format of the whole numbers from `min` to `max`; bipolar ones take only the two ends. */
export function codeFormat(kind: CodeFormat["kind"], min: number, max: number): CodeFormat {
  const step = kind === "bipolar" ? 2 : 1;
  const levels = (max - min) / step + 1;
  const bits = Math.ceil(Math.log2(levels));
  if (!Number.isInteger(min) || !Number.isInteger(levels) || levels < 2 || bits > 8) {
    throw new ArgumentError(`codes from ${min} to ${max} don't fit in 1 to 8 bits`, {
      want: "whole numbers with 2 to 256 levels",
      got: { kind, min, max },
    });
  }
  return { kind, bits, offset: min, step, levels };
}

/** The largest magnitude that an integer of this format can have. */
export function largestInteger({ offset, step, levels }: CodeFormat): number {
  return Math.max(Math.abs(offset), Math.abs(offset + step * (levels - 1)));
}

const kinds: readonly string[] = ["binary", "bipolar", "ternary", "int", "uint"];

/** A format that came from outside, checked: whole numbers, 2 … 2^bits levels, integers that int16 holds. */
export function checkFormat(op: string, format: CodeFormat): CodeFormat {
  const { kind, bits, offset, step, levels } = format;
  const isSound =
    kinds.includes(kind) &&
    [1, 2, 3, 4, 5, 6, 7, 8].includes(bits) &&
    (step === 1 || step === 2) &&
    Number.isInteger(levels) &&
    levels >= 2 &&
    levels <= 2 ** bits &&
    Number.isInteger(offset) &&
    offset >= -(2 ** 15) &&
    offset + step * (levels - 1) < 2 ** 15;
  if (isSound) return { kind, bits, offset, step, levels };
  throw new ArgumentError(`${op} can't read codes of this format`, {
    op,
    want: "a format as codeFormat() makes it: 1 to 8 bits, 2 to 2^bits levels, a whole offset, step 1 or 2, integers of 16 bits",
    got: JSON.stringify(format),
  });
}
