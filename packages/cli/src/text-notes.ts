import type { JsonObject } from "@lowbit/core-tensor/storage";
import type { TextDataset } from "@lowbit/data";
import { z } from "zod";
import { parseStored } from "./network-notes.js";
import { type TextExperiment, textExperimentSchema } from "./text-experiment.js";

const textSchema = z.strictObject({
  name: z.string().max(4096),
  fingerprint: z.string().max(200),
  level: z.enum(["char", "word"]),
  vocabulary: z
    .array(z.string().min(1).max(10_000))
    .min(2)
    .max(2 ** 20),
  /** Where the text is cut: tokens that train, and tokens that test. */
  split: z.strictObject({ train: z.int().min(1), test: z.int().min(1) }),
});

const notesSchema = z.strictObject({ experiment: textExperimentSchema, data: textSchema });

/** What a language model's folder tells beside it: how it was trained, and what its tokens mean. */
export interface TextNotes {
  readonly experiment: TextExperiment;
  readonly data: z.output<typeof textSchema>;
}

export function textNotesFor(experiment: TextExperiment, text: TextDataset): TextNotes {
  const { fingerprint, level, vocabulary, train, test } = text;
  const split = { train: train.length, test: test.length };
  return { experiment, data: { name: experiment.data, fingerprint, level, vocabulary: [...vocabulary], split } };
}

/** @throws {FileFormatError} when something is missing or of another kind */
export function parseTextNotes({ experiment, data }: JsonObject, file: string): TextNotes {
  return parseStored(notesSchema, { experiment, data }, file);
}
