import { ArgumentError, ConfigurationError } from "@lowbit/core-tensor";
import { didYouMean } from "@lowbit/nn";
import { layerOverrideSchema } from "@lowbit/quant";
import { z } from "zod";
import { augmentation } from "./augmentation.js";

export const whole = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int(error).min(least, error).max(most, error);
};
export const above0 = (most: number) => {
  const error = `a number above 0 and at most ${most}`;
  return z.number(error).gt(0, error).max(most, error);
};
export const from0 = (want: string) => z.number(want).min(0, want);
const between0and1 = z.number("a number between 0 and 1").gt(0, "a number above 0").lt(1, "a number below 1");
const name = (want: string) => z.string(want);

/** What a scheme lets its user decide, under its own names; the scheme checks them. */
export const quantizerOptions = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .default({})
  .describe('what the scheme lets its user decide: { "observer": "percentile:99.9" } of uniform');

/**
 * All that decides what a training run computes: `lowbit train` makes one of its options, `lowbit train FILE.json` reads one.
 * Names are checked when they are resolved; how many threads or which folder is no part of it.
 */
export const experimentSchema = z
  .strictObject({
    $schema: z.string().optional().describe("where this schema lies, for editors"),
    model: name("the name of a model").describe("a built-in model: lowbit list models"),
    data: name("the name of a data set").describe(
      "a data set, with its folder where it needs one: fashion-mnist-mini, cifar10:FOLDER",
    ),
    precision: z
      .string()
      .default("fp32")
      .describe("bits of weights and activations, such as w2a2; fp32 quantizes nothing"),
    quantizer: z.string().default("wrpn").describe("a scheme: lowbit list schemes"),
    quantizerOptions,
    width: above0(64).default(1).describe("multiplies the channels of every layer"),
    epochs: whole(1, 100_000).default(10).describe("times that each image is seen"),
    freezeBatchNorm: whole(0, 100_000)
      .default(0)
      .describe("epochs at the end in which batch norm goes by its running statistics, as the packed network will"),
    foldBatchNorm: whole(0, 100_000)
      .optional()
      .describe(
        "the same with batch norm multiplied into the quantized weights right before it, as in every evaluation",
      ),
    batch: whole(1, 65_536).default(64).describe("images in one step"),
    seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe("decides initial weights, order and augmentation"),
    overrides: z
      .array(layerOverrideSchema)
      .max(1000)
      .default([])
      .describe("what some layers get instead, by name or pattern: the first that matches counts"),
    optimiser: z.enum(["sgd", "adamw"]).default("sgd"),
    learningRate: above0(1e6).default(0.1).describe("of the first step; the schedule goes on from it"),
    momentum: from0("a number from 0, below 1")
      .lt(1, "a number from 0, below 1")
      .default(0.9)
      .describe("of sgd; adamw has averages of its own"),
    weightDecay: from0("a number from 0").max(1e6).default(1e-4).describe("of weights, not of biases and batch norm"),
    scaleLearningRate: above0(1e6)
      .default(1)
      .describe("multiplies the learning rate of what quantizers learn: steps, offsets, clips"),
    schedule: z.enum(["cosine", "step", "constant", "plateau"]).default("cosine"),
    plateauFactor: between0and1.optional().describe("of schedule plateau: what a drop multiplies by; 0.1 where absent"),
    plateauPatience: whole(0, 100_000)
      .optional()
      .describe("of schedule plateau: epochs without a better training loss before a drop; 0 where absent"),
    plateauThreshold: between0and1
      .optional()
      .describe("of schedule plateau: a loss is better below best · (1 − threshold); 0.02 where absent"),
    fp32Epochs: whole(0, 100_000)
      .optional()
      .describe("the first so many epochs are in full precision; then it is lowered"),
    activationPenalty: from0("a number from 0")
      .max(1e6)
      .optional()
      .describe("λ of the loss's term λ · Σ mean |activations of a layer|: makes zeros"),
    reluThreshold: from0("a number from 0")
      .max(1e6)
      .optional()
      .describe("ReLUs make a zero of what is not above it; 0 where absent"),
    augment: z.string().default("none").describe('random changes of the images: "crop:2,flip", "flip" or "none"'),
    limit: whole(1, 1e9).optional().describe("train on the first so many images, test on as many: for a quick try"),
  })
  .meta({ title: "lowbit experiment", description: "What `lowbit train FILE.json` trains" });

export type Experiment = Omit<z.output<typeof experimentSchema>, "$schema">;

/** Where an experiment came from: decides what its mistakes are called, and their exit code. */
export type ExperimentSource = ({ readonly kind: "options" } | { readonly kind: "file"; readonly file: string }) & {
  /** Fields that the verb calls otherwise: { model: "student" }. */
  readonly calls?: Readonly<Record<string, string>>;
};

/** "learningRate" → "--learning-rate", or "FILE.json, learningRate". */
function placeOf(source: ExperimentSource, name: string): string {
  const field = source.calls?.[name] ?? name;
  if (source.kind === "file") return `${source.file}, ${field}`;
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A mistake in an option is one of usage; one in a file makes a configuration that can't be honoured. */
export function mistakeIn(
  source: ExperimentSource,
  field: string,
  headline: string,
  details: { readonly want?: string; readonly got?: unknown; readonly hint?: string; readonly cause?: unknown },
): Error {
  const Kind = source.kind === "file" ? ConfigurationError : ArgumentError;
  return new Kind(headline, { where: placeOf(source, field), ...details });
}

/** Runs what resolves one field; what it refuses is told with the field's place. */
export function resolveField<Result>(source: ExperimentSource, field: string, resolve: () => Result): Result {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof ArgumentError || error instanceof ConfigurationError)) throw error;
    const [headline] = error.message.split("\n");
    throw mistakeIn(source, field, headline, { want: error.want, got: error.got, hint: error.hint, cause: error });
  }
}

/**
 * Runs what reads the whole of an experiment; what it refuses is told with the option or the field that it is about, and of a file with
 * the file's name before the place in it.
 */
export async function inSource<Result>(source: ExperimentSource, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const { where, want, got, hint } = error;
    const isField = where !== undefined && Object.hasOwn(experimentSchema.shape, where);
    if (source.kind === "options" && !isField) throw error;
    const [headline] = error.message.split("\n");
    const inFile = source.kind === "file" ? [source.file, where].filter((each) => each !== undefined).join(", ") : "";
    const place = isField ? placeOf(source, where) : inFile;
    throw new ConfigurationError(headline, { where: place, want, got, hint, cause: error });
  }
}

/**
 * The experiment that these fields describe, defaults filled in.
 *
 * @throws {ArgumentError} or, for a file, {ConfigurationError}: names the field, and the one that was probably meant
 */
export function parseExperiment(fields: unknown, source: ExperimentSource): Experiment {
  return parseFields(experimentSchema, fields, source);
}

/** Reads fields by a schema that has at least what every experiment with images has. */
export function parseFields<Fields extends { augment: string; $schema?: string }>(
  schema: z.ZodType<Fields> & { readonly shape: object },
  fields: unknown,
  source: ExperimentSource,
): Omit<Fields, "$schema"> {
  const { $schema: _, ...experiment } = parseBySchema(schema, fields, source);
  resolveField(source, "augment", () => augmentation((experiment as { augment: string }).augment));
  return experiment;
}

/** Reads the fields of an experiment of any kind by its schema. */
export function parseBySchema<Fields>(
  schema: z.ZodType<Fields> & { readonly shape: object },
  fields: unknown,
  source: ExperimentSource,
): Fields {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const unknown = issues.find(({ code }) => code === "unrecognized_keys"); // what is misspelt is missing as well
  throw describeIssue(unknown ?? issues[0], schema, fields, source);
}

function describeIssue(
  issue: z.core.$ZodIssue,
  schema: { readonly shape: object },
  fields: unknown,
  source: ExperimentSource,
): Error {
  const place = pathOf(issue.path);
  if (issue.code === "unrecognized_keys") {
    const [name] = issue.keys;
    const known = Object.keys((issue.path[0] === "overrides" ? layerOverrideSchema : schema).shape);
    const near = didYouMean(name, known);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    const what = place === "" ? "an experiment" : place;
    return mistakeIn(source, pathOf([...issue.path, name]), `${what} has no field ${JSON.stringify(name)}`, {
      want: known.join(", "),
      hint,
    });
  }
  const got = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    fields,
  );
  const field = place === "" ? "experiment" : place;
  const headline = got === undefined ? `${field} is missing` : `${field} can't be ${JSON.stringify(got)}`;
  return mistakeIn(source, field, headline, { want: issue.message, got });
}

/** ["overrides", 0, "layers"] → "overrides[0].layers" */
function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}
