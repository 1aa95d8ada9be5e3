import { ArgumentError, ConfigurationError } from "@lowbit/core-tensor";
import type { Storage } from "@lowbit/core-tensor/storage";
import type { LayerOverride, Registry, Scheme } from "@lowbit/quant";
import { type Experiment, type ExperimentSource, parseExperiment } from "./experiment.js";
import { parseOverrides } from "./parse-overrides.js";
import { parseQuantizerOptions, typedQuantizer } from "./parse-quantizer-options.js";
import { readFields } from "./read-fields.js";
import { resolveTraining } from "./resolve-experiment.js";

export interface LoweringChoice {
  readonly precision?: string;
  readonly quantizer?: string;
  readonly quantizerOption: readonly string[];
  readonly override: readonly string[];
  readonly config?: string;
}

/** How a trained network is to be lowered, its names found. */
export interface Lowering {
  readonly precision: string;
  readonly quantizer: string;
  readonly quantizerOptions: Experiment["quantizerOptions"];
  readonly overrides: readonly LayerOverride[];
  readonly scheme: Scheme;
  /** Where it was read. */
  readonly source: ExperimentSource;
}

/** Its steps are fitted to weights and inputs, so that any network can be lowered with it as it is. */
export const DEFAULT_QUANTIZER = "lsq";

/**
 * Reads how to lower a network: from --precision, --quantizer and --override, or from an experiment file, never from both.
 *
 * @param trained  the experiment that the network comes from: an experiment file has to be of the same model and data
 */
export async function readLowering(
  storage: Storage,
  { precision, quantizer, quantizerOption, override, config }: LoweringChoice,
  { trained, registry }: { readonly trained: Experiment; readonly registry: Registry },
): Promise<Lowering> {
  const source: ExperimentSource = config === undefined ? typedQuantizer : { kind: "file", file: config };
  const quantizerOptions = parseQuantizerOptions(quantizerOption);
  const typed = { precision, quantizer, quantizerOptions, overrides: parseOverrides(override) };
  const fields = await readFields(storage, source, typed, Object.keys(typed), (given) => {
    if ("precision" in given || "overrides" in given) return;
    throw new ArgumentError("there is nothing to lower the network to", {
      want: "--precision wKaL, --override LAYERS=wKaL or --config FILE",
    });
  });
  const whole =
    source.kind === "file"
      ? fields
      : { ...trained, quantizer: DEFAULT_QUANTIZER, quantizerOptions: {}, precision: "fp32", ...(fields as object) };
  const experiment = parseExperiment(whole, source);
  for (const field of ["model", "width"] as const) {
    if (experiment[field] === trained[field]) continue;
    throw new ConfigurationError(`${config} is about another network`, {
      where: `${config}, ${field}`,
      want: `${field} ${trained[field]}, as the network was trained`,
      got: experiment[field],
    });
  }
  const { scheme } = resolveTraining(experiment, source, registry);
  const { precision: bits, quantizer: name, quantizerOptions: decided, overrides } = experiment;
  return { precision: bits, quantizer: name, quantizerOptions: decided, overrides, scheme, source };
}
