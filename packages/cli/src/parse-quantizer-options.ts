import { ArgumentError } from "@lowbit/core-tensor";
import type { Registry, Scheme } from "@lowbit/quant";
import type { Experiment, ExperimentSource } from "./experiment.js";
import { resolveField } from "./experiment.js";

/**
 * Reads --quantizer-option observer=entropy as an experiment file would write it; undefined where there is none.
 *
 * @throws {ArgumentError} for anything else than NAME=VALUE
 */
export function parseQuantizerOptions(texts: readonly string[]): Experiment["quantizerOptions"] | undefined {
  if (texts.length === 0) return undefined;
  const pairs = texts.map((text) => {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined) {
      throw new ArgumentError(`--quantizer-option can't be ${JSON.stringify(text)}`, {
        where: "--quantizer-option",
        want: "NAME=VALUE, such as observer=percentile:99.9",
        got: text,
      });
    }
    const isNumber = Number.isFinite(Number(value));
    return [name, isNumber ? Number(value) : value === "true" || value === "false" ? value === "true" : value] as const;
  });
  return Object.fromEntries(pairs);
}

/** Where --quantizer and --quantizer-option stand for fields of an experiment. */
export const typedQuantizer: ExperimentSource = { kind: "options", calls: { quantizerOptions: "quantizerOption" } };

/** The scheme that --quantizer and --quantizer-option name, and the options as an experiment has them. */
export function typedScheme(
  registry: Registry,
  { quantizer, quantizerOption }: { readonly quantizer: string; readonly quantizerOption: readonly string[] },
): { readonly scheme: Scheme; readonly quantizerOptions: Experiment["quantizerOptions"] } {
  const quantizerOptions = parseQuantizerOptions(quantizerOption) ?? {};
  const named = resolveField(typedQuantizer, "quantizer", () => registry.scheme(quantizer));
  return {
    scheme: resolveField(typedQuantizer, "quantizerOptions", () => named.withOptions(quantizerOptions)),
    quantizerOptions,
  };
}
