import { ConfigurationError } from "@lowbit/core-tensor";
import { checkNameAndVersion, parseOptions, type Quantizer } from "./define-quantizer.js";
import type { Slot } from "./precision.js";

export interface SchemeRequest {
  /** 1 to 8; 32 leaves the slot alone. */
  readonly bits: number;
  /** Whether values on this edge can be negative. */
  readonly signed: boolean;
}

export interface SchemeChoice {
  readonly quantizer: Quantizer;
  /** Complete and checked: defaults are filled in. */
  readonly options: unknown;
}

export interface SchemeDeclaration {
  readonly name: string;
  readonly version: number;
  /** The paper, in one line. */
  readonly source?: string;
  /** The bits that a slot can have; an empty list where the scheme has nothing for it. */
  bits(slot: Slot, edge: Pick<SchemeRequest, "signed">): readonly number[];
  /** The quantizer of a slot and its options; asked only for bits that it has. Undefined leaves the slot in fp32. */
  choose(slot: Slot, request: SchemeRequest): SchemeChoice | undefined;
}

/** Which quantizer, with which options, each slot of a layer goes through. */
export type Scheme = SchemeDeclaration;

/** 2, 3, … 8 for (2, 8): a list of bit widths. */
export function bitsFrom(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/**
 * Makes a scheme of its declaration: it maps slot, bits and the sign of the edge to a quantizer and its options.
 *
 * `choose` of the result refuses bits that the scheme lacks, leaves 32 bits alone, and checks the options.
 *
 * @throws {ConfigurationError} when the name, the version or a function is missing or malformed
 * @example
 * const halvesScheme = defineScheme({
 *   name: "halves",
 *   version: 1,
 *   bits: (slot) => (slot === "weight" ? [3] : []),
 *   choose: () => ({ quantizer: halves, options: {} }),
 * });
 */
export function defineScheme(declaration: SchemeDeclaration): Scheme {
  checkNameAndVersion("scheme", declaration);
  if (typeof declaration.bits !== "function" || typeof declaration.choose !== "function") {
    throw new ConfigurationError(`scheme "${declaration.name}" does not declare bits and choose`, {
      where: "bits, choose",
      want: "two functions",
    });
  }
  const choose = (slot: Slot, { bits, signed }: SchemeRequest): SchemeChoice | undefined => {
    if (bits === 32) return undefined;
    checkBits(declaration, slot, { bits, signed });
    const choice = declaration.choose(slot, { bits, signed });
    return choice && { quantizer: choice.quantizer, options: parseOptions(choice.quantizer, choice.options) };
  };
  return Object.freeze({ ...declaration, choose });
}

function checkBits(scheme: SchemeDeclaration, slot: Slot, { bits, signed }: SchemeRequest): void {
  const offered = scheme.bits(slot, { signed });
  if (offered.includes(bits)) return;
  const edge =
    slot === "weight" ? "weights" : `${slot}s${signed ? " that can be negative" : " that are never negative"}`;
  throw new ConfigurationError(`scheme "${scheme.name}" has no ${bits}-bit quantizer for ${edge}`, {
    where: `slot "${slot}"`,
    want:
      offered.length === 0
        ? "32 bits: this scheme leaves the slot alone"
        : `${offered.join(", ")} bits, or 32 to leave it alone`,
    got: bits,
  });
}
