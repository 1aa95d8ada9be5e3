import type { JsonObject } from "@lowbit/core-tensor/storage";
import type { LabelledTextDataset } from "@lowbit/data";
import { z } from "zod";
import { parseStored } from "./network-notes.js";
import { type TextExperiment, textExperimentSchema } from "./text-experiment.js";

const dataSchema = z.strictObject({
  name: z.string().max(4096),
  fingerprint: z.string().max(200),
  level: z.enum(["char", "word"]),
  vocabulary: z
    .array(z.string().min(1).max(10_000))
    .min(2)
    .max(2 ** 20),
  classes: z.array(z.string().max(1000)).min(2).max(100_000),
  /** Tokens of each text that the network reads. */
  length: z.int().min(1).max(10_000),
});

const notesSchema = z.strictObject({ experiment: textExperimentSchema, data: dataSchema });

/** What a text classifier's folder tells beside it: how it was trained, and what its tokens and classes mean. */
export interface TextClassifierNotes {
  readonly experiment: TextExperiment;
  readonly data: z.output<typeof dataSchema>;
}

export function textClassifierNotesFor(
  experiment: TextExperiment,
  dataset: LabelledTextDataset,
  length: number,
): TextClassifierNotes {
  const { fingerprint, level, vocabulary, classes } = dataset;
  const tokens = { level, vocabulary: [...vocabulary], length };
  return { experiment, data: { name: experiment.data, fingerprint, classes: [...classes], ...tokens } };
}

/** @throws {FileFormatError} when something is missing or of another kind */
export function parseTextClassifierNotes({ experiment, data }: JsonObject, file: string): TextClassifierNotes {
  return parseStored(notesSchema, { experiment, data }, file);
}
