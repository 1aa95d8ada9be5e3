import { ConfigurationError } from "@lowbit/core-tensor";
import {
  checkNameAndVersion,
  type OptionsSchema,
  parseOptions,
  type Quantizer,
  readOptions,
} from "./define-quantizer.js";
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

export interface SchemeDeclaration<Options = unknown> {
  readonly name: string;
  readonly version: number;
  /** The paper, in one line. */
  readonly source?: string;
  /** What its user may decide beside the bits, all of it with defaults: an observer, a granularity. Nothing where absent. */
  readonly options?: OptionsSchema<Options>;
  /** The bits that a slot can have; an empty list where the scheme has nothing for it. */
  bits(slot: Slot, edge: Pick<SchemeRequest, "signed">, options: Options): readonly number[];
  /** The quantizer of a slot and its options; asked only for bits that it has. Undefined leaves the slot in fp32. */
  choose(slot: Slot, request: SchemeRequest, options: Options): SchemeChoice | undefined;
}

/** Which quantizer, with which options, each slot of a layer goes through. */
export interface Scheme {
  readonly name: string;
  readonly version: number;
  readonly source?: string;
  /** What its user decided, defaults filled in; undefined where there is nothing to decide. */
  readonly decided: unknown;
  /** The bits that a slot can have; an empty list where the scheme has nothing for it. */
  bits(slot: Slot, edge: Pick<SchemeRequest, "signed">): readonly number[];
  /** @throws {ConfigurationError} for bits that it has not, or options that its quantizer refuses */
  choose(slot: Slot, request: SchemeRequest): SchemeChoice | undefined;
  /**
   * The same scheme with other options.
   *
   * @throws {ConfigurationError} for an option that it has not or a value that makes no sense; names it
   */
  withOptions(options: unknown): Scheme;
}

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
export function defineScheme<Options = unknown>(declaration: SchemeDeclaration<Options>): Scheme {
  checkNameAndVersion("scheme", declaration);
  if (typeof declaration.bits !== "function" || typeof declaration.choose !== "function") {
    throw new ConfigurationError(`scheme "${declaration.name}" does not declare bits and choose`, {
      where: "bits, choose",
      want: "two functions",
    });
  }
  return schemeWith(declaration, {});
}

function schemeWith<Options>(declaration: SchemeDeclaration<Options>, written: unknown): Scheme {
  const { name, version, source } = declaration;
  const decided = readSchemeOptions(declaration, written);
  const bits: Scheme["bits"] = (slot, edge) => declaration.bits(slot, edge, decided);
  return Object.freeze<Scheme>({
    ...{ name, version, source, decided, bits },
    choose: (slot, request) => {
      if (request.bits === 32) return undefined;
      checkBits({ name, bits }, slot, request);
      const choice = declaration.choose(slot, request, decided);
      return choice && { quantizer: choice.quantizer, options: parseOptions(choice.quantizer, choice.options) };
    },
    withOptions: (options) => schemeWith(declaration, options),
  });
}

function readSchemeOptions<Options>({ name, options }: SchemeDeclaration<Options>, written: unknown): Options {
  if (options) return readOptions(`scheme "${name}"`, options, written);
  const given = Object.keys((written as object | null) ?? {});
  if (given.length === 0) return undefined as Options;
  throw new ConfigurationError(`scheme "${name}" has no option "${given[0]}"`, {
    where: `options.${given[0]}`,
    want: "none: this scheme has nothing to decide beside the bits",
    got: written,
  });
}

function checkBits(scheme: Pick<Scheme, "name" | "bits">, slot: Slot, { bits, signed }: SchemeRequest): void {
  const offered = scheme.bits(slot, { signed });
  if (offered.includes(bits)) return;
  const edge =
    slot === "weight" || slot === "gradient"
      ? `${slot}s`
      : `${slot}s${signed ? " that can be negative" : " that are never negative"}`;
  throw new ConfigurationError(`scheme "${scheme.name}" has no ${bits}-bit quantizer for ${edge}`, {
    where: `slot "${slot}"`,
    want:
      offered.length === 0
        ? "32 bits: this scheme leaves the slot alone"
        : `${offered.join(", ")} bits, or 32 to leave it alone`,
    got: bits,
  });
}
