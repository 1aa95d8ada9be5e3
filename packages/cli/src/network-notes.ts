import { FileFormatError, LowbitError } from "@lowbit/core-tensor";
import type { JsonObject, JsonValue } from "@lowbit/core-tensor/storage";
import type { Dataset } from "@lowbit/data";
import { parseOptions, type Quantization, type Registry } from "@lowbit/quant";
import { z } from "zod";
import { type Experiment, experimentSchema } from "./experiment.js";

const perChannel = z.array(z.number()).min(1).max(1024);

const dataSchema = z.strictObject({
  name: z.string().max(4096),
  fingerprint: z.string().max(200),
  classes: z.array(z.string().max(1000)).min(1).max(100_000),
  normalisation: z.strictObject({ mean: perChannel, std: perChannel }),
});

const notesSchema = z.strictObject({ experiment: experimentSchema, data: dataSchema });

/** What a network's folder tells beside the network: how it was trained, and what its inputs and outputs mean. */
export interface NetworkNotes {
  readonly experiment: Experiment;
  readonly data: z.output<typeof dataSchema>;
}

export function notesFor(experiment: Experiment, dataset: Dataset): NetworkNotes {
  const { mean, std } = dataset.normalisation;
  const { fingerprint, classes } = dataset;
  const data = {
    name: experiment.data,
    fingerprint,
    classes: [...classes],
    normalisation: { mean: [...mean], std: [...std] },
  };
  return { experiment, data };
}

/** Reads JSON of a file by a schema. */
export function parseStored<Schema extends z.ZodType>(schema: Schema, value: unknown, file: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new FileFormatError("the notes about this network make no sense", {
    where: [file, ...path].join(", "),
    want: message,
  });
}

/** @throws {FileFormatError} when something is missing or of another kind */
export function parseNotes({ experiment, data }: JsonObject, file: string): NetworkNotes {
  return parseStored(notesSchema, { experiment, data }, file);
}

const chosen = z.looseObject({ quantizer: z.string(), version: z.int(), options: z.unknown() });
const chosenWeight = chosen.extend({ gain: z.number().positive(), learned: z.boolean().optional() });
const slots = {
  weight: chosenWeight.optional(),
  input: chosen.optional(),
  gradient: chosen.optional(),
  recurrent: chosenWeight.optional(),
  state: chosen.optional(),
  sigmoidGate: chosen.optional(),
  tanhGate: chosen.optional(),
  cell: chosen.optional(),
};
const quantizationSchema = z.strictObject({
  scheme: z.string(),
  schemeVersion: z.int(),
  schemeOptions: z.record(z.string(), z.unknown()).optional(),
  precision: z.string(),
  scaleLearningRate: z.number().positive().optional(),
  seed: z.int().min(0).optional(),
  foldsBatchNorm: z.boolean().optional(),
  layers: z.array(z.strictObject({ layer: z.string(), correction: z.boolean().optional(), ...slots })).max(100_000),
});

/**
 * Reads how a network was quantized. The quantizers come from the registry and check their options themselves.
 *
 * @throws {FileFormatError} when it makes no sense
 * @throws {ConfigurationError} when a quantizer is not installed
 */
export function parseQuantization(value: JsonValue | undefined, registry: Registry, file: string): Quantization {
  const { layers, ...rest } = parseStored(quantizationSchema, value, file);
  const check = <Choice extends { quantizer: string; options: unknown }>(choice: Choice): Choice => {
    const quantizer = registry.quantizer(choice.quantizer);
    try {
      return { ...choice, options: parseOptions(quantizer, choice.options) };
    } catch (cause) {
      if (!(cause instanceof LowbitError)) throw cause;
      throw new FileFormatError(`the options of ${quantizer.name} make no sense`, {
        where: file,
        want: cause.want,
        cause,
      });
    }
  };
  return {
    ...rest,
    layers: layers.map(({ layer, correction, ...choices }) => {
      const checked = Object.entries(choices).flatMap(([slot, choice]) => (choice ? [[slot, check(choice)]] : []));
      return { layer, ...(correction && { correction }), ...(Object.fromEntries(checked) as typeof choices) };
    }),
  };
}
