import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Reads "2,4,8": bit widths from 1 to 8, each once, or 32 for full precision; "none" for no bits at all. */
export function bitsValue(text: string): number[] {
  if (text === "none") return [];
  const bits = text.split(",").map(Number);
  const isSound = bits.every((each) => each === 32 || (Number.isInteger(each) && each >= 1 && each <= 8));
  if (isSound && new Set(bits).size === bits.length) return bits;
  throw new InvalidArgumentError("It must be bits from 1 to 8, or 32, joined by commas, such as 2,4,8; or none.");
}
