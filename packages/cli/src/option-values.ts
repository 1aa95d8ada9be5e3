import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Reads the number that an option was given; its range is the business of whoever uses it. */
export function numberValue(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number.");
}

/** Reads a whole number from 1 on: threads, images, classes to print. */
export function countValue(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1 on.");
}

/** Collects an option that may be given several times. */
export function collectValues(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
