import { isLabelledTextName } from "@lowbit/data";
import { languageModelNames } from "@lowbit/rnn";
import { z } from "zod";
import {
  above0,
  type ExperimentSource,
  experimentSchema,
  from0,
  parseBySchema,
  quantizerOptions,
  whole,
} from "./experiment.js";

const below1 = (what: string) => from0(`${what}, a number from 0, below 1`).lt(1, "a number from 0, below 1");

/** All that decides what the training of a language model computes; beside `experimentSchema`, which is that of image networks. */
export const textExperimentSchema = z
  .strictObject({
    $schema: z.string().optional().describe("where this schema lies, for editors"),
    model: z.enum(languageModelNames as [string, ...string[]]).describe("its recurrent cell"),
    data: z
      .string()
      .describe(
        "a text, such as text:FILE or moby-dick; or labelled texts, such as spam-assassin: lowbit list datasets",
      ),
    level: z.enum(["char", "word"]).default("char").describe("what a token is: a character, or a word"),
    vocabulary: whole(2, 2 ** 20)
      .default(10_000)
      .describe("tokens that it knows at most, the most frequent ones; all others are one, <unk>"),
    hidden: whole(1, 16_384).default(128).describe("values in the state of a layer, and in a token's embedding"),
    width: above0(64).default(1).describe("multiplies hidden"),
    layers: whole(1, 16).default(1).describe("recurrent layers"),
    precision: z
      .string()
      .default("fp32")
      .describe("bits of matrices, and of inputs, states and gates, such as w4a4; fp32 quantizes nothing"),
    quantizer: z.string().default("wrpn").describe("a scheme: lowbit list schemes"),
    quantizerOptions,
    weightScale: z
      .enum(["learned", "constant"])
      .default("learned")
      .describe("what a matrix on a static grid is scaled by: a parameter that starts at 2 std, or that constant"),
    epochs: whole(1, 100_000).default(10).describe("times that the text is read"),
    batch: whole(1, 65_536)
      .optional()
      .describe(
        "pieces of the text that a step reads side by side; where absent as many, up to 32, as leave 400 steps an epoch; of labelled texts 32",
      ),
    steps: whole(1, 10_000)
      .optional()
      .describe(
        "tokens of each piece in one step; 32, or fewer for a short text; of labelled texts those of each that are read, 64",
      ),
    seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe("decides initial weights and dropout"),
    optimiser: z.enum(["adamw", "sgd"]).default("adamw"),
    learningRate: above0(1e6).default(0.004).describe("of the first step; the schedule goes on from it"),
    momentum: below1("the momentum").default(0.9).describe("of sgd; adamw has averages of its own"),
    weightDecay: from0("a number from 0").max(1e6).default(0).describe("of matrices, not of biases and scales"),
    clipNorm: above0(1e6).default(1).describe("the largest norm of a step's gradients, all together"),
    dropout: below1("the dropout")
      .default(0)
      .describe("what is dropped before each recurrent layer and the output layer"),
    variational: z.boolean().default(false).describe("dropout drops the same units in all steps of a batch"),
    tied: z.boolean().default(false).describe("the output layer multiplies with the embedding"),
    schedule: z.enum(["cosine", "step", "constant"]).default("cosine"),
    limit: whole(100, 2 ** 28)
      .optional()
      .describe("train on the first so many tokens: for a quick try"),
  })
  .meta({ title: "lowbit text experiment", description: "What `lowbit train FILE.json` trains on a text" });

export type TextExperiment = Omit<z.output<typeof textExperimentSchema>, "$schema">;

export function parseTextExperiment(fields: unknown, source: ExperimentSource): TextExperiment {
  const { $schema: _, ...experiment } = parseBySchema(textExperimentSchema, fields, source);
  return experiment;
}

/** Whether a file's word for a model is a language model's; not even String() is safe of what a file may hold. */
export const isLanguageModelName = (name: unknown): boolean =>
  typeof name === "string" && languageModelNames.includes(name);

/** Whether fields of an experiment mean a network that classifies texts. */
export const isClassification = (fields: unknown): boolean => {
  const { data } = (fields ?? {}) as { data?: unknown };
  return isTextExperiment(fields) && typeof data === "string" && isLabelledTextName(data);
};

/** Whether fields of an experiment mean a recurrent network. */
export const isTextExperiment = (fields: unknown): boolean =>
  isLanguageModelName((fields as { model?: unknown } | null)?.model);

/** The schema of both kinds as JSON Schema, for editors and other programs. */
export function experimentJsonSchema(): unknown {
  const [images, text] = [experimentSchema, textExperimentSchema].map((each) => z.toJSONSchema(each, { io: "input" }));
  const { $schema, ...ofImages } = images;
  const { $schema: _, ...ofText } = text;
  return {
    $schema,
    title: "lowbit experiment",
    description: "What `lowbit train FILE.json` trains",
    anyOf: [ofImages, ofText],
  };
}
