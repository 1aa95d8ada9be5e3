import { distillationForms, hintForms, type StageName } from "@lowbit/distill";
import { z } from "zod";
import { type Experiment, type ExperimentSource, experimentSchema, parseFields } from "./experiment.js";

/** What only `lowbit train` does: the step of a student has no frozen form, no price and no graph to begin with. */
const trainedAlone = {
  fp32Epochs: true,
  activationPenalty: true,
  reluThreshold: true,
  freezeBatchNorm: true,
  foldBatchNorm: true,
} as const;
const { model } = experimentSchema.shape;
const { shape: shared } = experimentSchema.omit({ model: true, ...trainedAlone });

const weight = (value: number, of: string) =>
  z.number("a number from 0").min(0, "a number from 0").max(1e6).default(value).describe(of);
const epochs = (of: string) => z.int().min(1).max(100_000).optional().describe(of);
const rate = (of: string) => z.number("a number above 0").gt(0, "a number above 0").max(1e6).optional().describe(of);
const name = z.string().min(1);

/** All that decides what `lowbit distill` computes: of its options, or read from FILE.json. */
export const distillationSchema = z
  .strictObject({
    ...shared,
    scheme: z
      .enum(["a", "b", "c"], "a, b or c")
      .describe("a: jointly; b: a frozen teacher; c: in full precision first"),
    teacher: z
      .union([name, z.array(name).min(1).max(16)], "a folder, a model, none, or a list of folders")
      .describe(
        "a folder that train or convert has written, or several to average; a built-in model, trained first; or none",
      ),
    student: model.describe("a built-in model: lowbit list models"),
    teacherWidth: experimentSchema.shape.width.describe("of a teacher that is trained here"),
    teacherEpochs: epochs("of a teacher that is trained first; as many as epochs where absent"),
    teacherLearningRate: rate("of a teacher that is trained here; as learningRate where absent"),
    fullPrecisionEpochs: epochs("of scheme c's student in full precision; as many as epochs where absent"),
    fineTuneRate: rate("scheme c's first learning rate at low precision; a tenth of learningRate where absent"),
    alpha: weight(1, "of the teacher's own loss"),
    beta: weight(0.5, "of the labels"),
    gamma: weight(0.5, "of the teacher's word"),
    temperature: z
      .number("a number above 0")
      .gt(0, "a number above 0")
      .max(1e4)
      .default(1)
      .describe("divides the logits before softmax"),
    hints: z
      .array(
        z.strictObject({
          form: z.enum(hintForms),
          student: name.describe("a layer of the student, as lowbit inspect names it, or what its name begins with"),
          teacher: name.describe("the same of the teacher"),
          weight: z.number("a number above 0").gt(0, "a number above 0").max(1e6).default(1),
        }),
      )
      .max(64)
      .default([])
      .describe("inner layers that are to resemble the teacher's"),
    form: z.enum(distillationForms).default("cross-entropy").describe("of the third term"),
  })
  .meta({ title: "lowbit distillation", description: "What `lowbit distill FILE.json` trains" });

export type Distillation = Omit<z.output<typeof distillationSchema>, "$schema">;

/** What the student's settings are called on the command line. */
export const distillationCalls = { model: "student" };

/**
 * The distillation that these fields describe, defaults filled in.
 *
 * @throws {ArgumentError} or, for a file, {ConfigurationError}: names the field, and the one that was probably meant
 */
export function parseDistillation(fields: unknown, source: ExperimentSource): Distillation {
  return parseFields(distillationSchema, fields, source);
}

const unquantized = { precision: "fp32", overrides: [] };

/** The training run that a stage of a distillation is, as `lowbit train` would describe it. */
export function experimentOf(distillation: Distillation, stage: StageName): Experiment {
  const { scheme, teacher, student, teacherWidth, epochs, learningRate } = distillation;
  const { teacherEpochs = epochs, teacherLearningRate = learningRate } = distillation;
  const { fullPrecisionEpochs = epochs, fineTuneRate = learningRate / 10 } = distillation;
  const fields = Object.entries({ ...distillation, model: student });
  const own = fields.filter(([name]) => name in experimentSchema.shape);
  const experiment = { ...Object.fromEntries(own), freezeBatchNorm: 0 } as Experiment;
  if (stage === "teacher") {
    const own = { model: String(teacher), width: teacherWidth };
    return { ...experiment, ...own, ...unquantized, epochs: teacherEpochs, learningRate: teacherLearningRate };
  }
  if (stage === "full-precision") return { ...experiment, ...unquantized, epochs: fullPrecisionEpochs };
  return scheme === "c" ? { ...experiment, learningRate: fineTuneRate } : experiment;
}

/** The schema as JSON Schema, for editors and other programs. */
export function distillationJsonSchema(): unknown {
  return z.toJSONSchema(distillationSchema, { io: "input" });
}
