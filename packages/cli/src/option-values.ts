import { Argument, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { suggest } from "./suggest.js";

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

function choose<const Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const chosen = names.find((name) => name === text);
    if (chosen !== undefined) return chosen;
    throw new InvalidArgumentError(`Allowed choices are ${names.join(", ")}.${suggest(text, names)}`);
  };
}

/** An option that takes one of a few names; a near miss is told which one was probably meant. */
export function choiceOption<const Flags extends string, const Name extends string>(
  flags: Flags,
  description: string,
  names: readonly Name[],
) {
  return new Option(flags, description).choices(names).argParser(choose(names));
}

/** An argument that takes one of a few names. */
export function choiceArgument<const Name extends string>(name: Name, description: string, names: readonly string[]) {
  return new Argument(name, description).choices(names).argParser(choose(names));
}
