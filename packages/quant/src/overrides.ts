import { ConfigurationError, LowbitError } from "@lowbit/core-tensor";
import { z } from "zod";
import { parseOptions } from "./define-quantizer.js";
import type { SchemeChoice, SchemeRequest } from "./define-scheme.js";
import { type Precision, parsePrecision } from "./precision.js";
import type { Registry } from "./registry.js";

const namedQuantizer = z.union([
  z.literal("fp32"),
  z.strictObject({ quantizer: z.string(), options: z.record(z.string(), z.unknown()).default({}) }),
]);

/** What some layers get instead of what the whole network gets, as JSON. */
export const layerOverrideSchema = z.strictObject({
  layers: z
    .string("a layer's name, or a pattern such as stage2.*")
    .min(1, "a layer's name, or a pattern such as stage2.*")
    .max(1000)
    .describe('a layer\'s name, or a pattern: "stage2.*", where * is any run of characters'),
  precision: z.string().optional().describe("bits of weights and activations, such as w8a8; fp32 leaves both alone"),
  scheme: z.string().optional().describe("a scheme: lowbit list schemes; that of the network where absent"),
  weight: namedQuantizer.optional().describe('a quantizer with its options, or "fp32", whatever the precision says'),
  input: namedQuantizer.optional().describe("the same for what the layers read"),
  gradient: namedQuantizer.optional().describe("the same for what flows back into their outputs"),
});

/** Overrides by layer name or pattern: the first that matches a layer is the one that counts. */
export type LayerOverride = z.input<typeof layerOverrideSchema>;

/** The slots of a layer that is no recurrent one. */
export type LayerSlot = "weight" | "input" | "gradient";

/** An override whose names have been found. */
export interface BoundOverride {
  readonly place: string;
  matches(layer: string): boolean;
  readonly precision: Precision | undefined;
  choose(slot: LayerSlot, request: SchemeRequest): SchemeChoice | "fp32" | undefined;
}

/** The whole name, where each * stands for any run of characters, dots included. */
function patternOf(text: string): RegExp {
  const parts = text.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*")}$`);
}

/** Runs what may refuse an override; the refusal is told with its place. */
export function atPlace<Result>(place: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof LowbitError)) throw error;
    const [headline] = error.message.split("\n");
    const where = error.where === undefined ? place : `${place}, ${error.where}`;
    throw new ConfigurationError(headline, { where, want: error.want, got: error.got, hint: error.hint, cause: error });
  }
}

/**
 * Reads overrides and finds all that they name.
 *
 * @throws {ConfigurationError} naming the override and the field, for anything that is unknown or makes no sense
 */
export function bindOverrides(overrides: readonly LayerOverride[], registry: Registry | undefined): BoundOverride[] {
  return overrides.map((written, i) => {
    const place = `overrides[${i}]`;
    const parsed = layerOverrideSchema.safeParse(written);
    if (!parsed.success) {
      const [{ path, message }] = parsed.error.issues;
      throw new ConfigurationError("an override makes no sense", {
        where: [place, ...path.map(String)].join("."),
        want: message,
        got: written,
      });
    }
    const { layers, precision, scheme, weight, input, gradient } = parsed.data;
    const named = <T>(name: string, find: (from: Registry) => T): T => {
      if (registry) return find(registry);
      throw new ConfigurationError(`nobody knows what ${JSON.stringify(name)} is`, {
        want: "a registry beside the overrides",
      });
    };
    const bind = (slot: LayerSlot, choice: typeof weight): SchemeChoice | "fp32" | undefined =>
      choice === undefined || choice === "fp32"
        ? choice
        : atPlace(`${place}.${slot}`, () => {
            const quantizer = named(choice.quantizer, (from) => from.quantizer(choice.quantizer));
            return { quantizer, options: parseOptions(quantizer, choice.options) };
          });
    const own = {
      weight: bind("weight", weight),
      input: bind("input", input),
      gradient: bind("gradient", gradient),
    };
    const chosen =
      scheme === undefined ? undefined : atPlace(`${place}.scheme`, () => named(scheme, (from) => from.scheme(scheme)));
    const pattern = patternOf(layers);
    return {
      place: `${place} (${layers})`,
      matches: (layer) => pattern.test(layer),
      precision: precision === undefined ? undefined : atPlace(place, () => parsePrecision(precision)),
      choose: (slot, request) => own[slot] ?? chosen?.choose(slot, request),
    };
  });
}
