import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import type { TrainingMemory } from "@lowbit/quant";
import { type DistilledNetwork, distillNetwork, prepareDistillation } from "./distill-network.js";
import { type Distillation, distillationCalls, distillationSchema, parseDistillation } from "./distillation.js";
import type { ExperimentSource } from "./experiment.js";
import { openEngine } from "./open-engine.js";
import { checkOutFolder } from "./out-folder.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { readFields } from "./read-fields.js";
import { runImageEvaluation } from "./run-evaluation.js";
import { saveOnInterrupt } from "./save-on-interrupt.js";
import { stageReporter } from "./stage-reporter.js";

export interface DistillCommandOptions {
  readonly out?: string;
  readonly resume: boolean;
  readonly allowBuildChange: boolean;
  /** false: the teacher is asked each time. */
  readonly cache: string | false;
  readonly backend: string;
  readonly threads?: number;
  readonly build?: string;
  readonly plugin: readonly string[];
  readonly teacher?: readonly string[];
  /** "attention:stage2.block0=stage2.block2@0.5" */
  readonly hint?: readonly string[];
  readonly progress: boolean;
  readonly trainingMemory: TrainingMemory["trainingMemory"];
}

/** `lowbit distill`, from what was typed to the distilled network. Everything is checked before anything is created. */
export async function runDistillation(
  file: string | undefined,
  options: DistillCommandOptions,
): Promise<DistilledNetwork> {
  const { out = "", resume, allowBuildChange, cache, backend, threads, build, plugin, progress: show } = options;
  const storage = openStorage();
  const source: ExperimentSource = {
    ...(file === undefined ? { kind: "options" } : { kind: "file", file }),
    calls: distillationCalls,
  };
  const distillation = await readDistillation(source, options);
  const registry = await loadRegistry(storage, plugin);
  return saveOnInterrupt(out, async (signal) => {
    await checkOutFolder(storage, out, { resume });
    const { trainingMemory } = options;
    const prepared = await prepareDistillation(distillation, { source, registry, warn, trainingMemory });
    const engine = await openEngine({ backend, threads, build }, "training");
    const { callbacks, stop } = stageReporter({ show, engine });
    try {
      signal.throwIfAborted(); // nothing has been written yet
      if (resume && !(await storage.exists(out))) note(`there is no run in ${out}: starting from the beginning`);
      if (prepared.teacher.kind !== "none" && distillation.scheme !== "a") note(describeCaching(distillation, cache));
      const cacheFolder = cache === false ? undefined : cache;
      const run = { engine, storage, out, resume, allowBuildChange, cacheFolder, signal, callbacks };
      const { network, start } = await distillNetwork(prepared, run);
      if (start === "finished") note(`the run in ${out} is finished; this is its result`);
      return { ...network, ...(await evaluateWritten(out, options)) };
    } finally {
      stop();
      await engine.close();
    }
  });
}

/** The figures of the written checkpoint, as `lowbit eval` finds them: on the fastest build for inference, not the one that trained. */
async function evaluateWritten(out: string, { backend, threads, build, plugin, progress }: DistillCommandOptions) {
  const options = { backend, threads, build, plugin, progress, batch: 100 };
  const { accuracy, loss, images } = await runImageEvaluation(out, options);
  return { accuracy, loss, images };
}

function describeCaching({ augment, hints }: Distillation, cache: string | false): string {
  if (hints.length > 0) return "the teacher is computed in each step, live: hints read its inner layers";
  if (cache === false) return "the teacher is asked about each batch, live: nothing is cached";
  if (augment === "none") return `the teacher's logits are computed once and cached in ${cache}`;
  return `the teacher's logits are cached in ${cache}, per epoch, with the augmentation of the same seed`;
}

async function readDistillation(source: ExperimentSource, options: DistillCommandOptions): Promise<Distillation> {
  const required = [
    ["scheme", "a, b or c"],
    ["teacher", "a trained network's folder, or a model: lowbit list models"],
    ["student", "NAME: lowbit list models"],
    ["data", "NAME: lowbit list datasets"],
  ] as const;
  const known = Object.keys(distillationSchema.shape);
  const { teacher = [], hint = [] } = options;
  const named = { ...options, teacher: teacher.length === 1 ? teacher[0] : teacher, hints: hint.map(readHint) };
  const fields = await readFields(openStorage(), source, named, known, (given) => {
    for (const [name, want] of required) {
      if (!(name in given)) throw new ArgumentError(`distill needs --${name}`, { want: `--${name} ${want}` });
    }
  });
  return parseDistillation(fields, source);
}

function readHint(text: string): object {
  const [, form, student, teacher, weight] = /^([^:]+):([^=]+)=([^=@]+)(?:@(.+))?$/.exec(text) ?? [];
  if (form !== undefined) return { form, student, teacher, ...(weight !== undefined && { weight: Number(weight) }) };
  throw new ArgumentError(`a hint can't be ${JSON.stringify(text)}`, {
    where: "--hint",
    want: "FORM:LAYER=LAYER, such as attention:stage2.block0=stage2.block2, or with a weight, …@0.5",
  });
}

const percent = (value: number): string => `${value.toFixed(2)} %`;

export function formatDistilled(network: DistilledNetwork): string {
  const { student, precision, quantizer, width, accuracy, loss, images, teacherAccuracy, losses, out } = network;
  const { scheme, cache, teacherSeconds } = network;
  const how = precision === "fp32" ? "fp32" : `${precision} by ${quantizer}`;
  const terms = Object.entries(losses ?? {}).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  return [
    `${student}, ${how}, width ${width}, scheme ${scheme}: ${percent(accuracy)} of ${images} test images right, loss ${loss.toFixed(4)}`,
    ...(teacherAccuracy === null ? [] : [`the teacher: ${percent(teacherAccuracy)}`]),
    ...(terms.length > 0 ? [`terms of the loss in the last epoch: ${terms.join(", ")}`] : []),
    ...(teacherSeconds === null ? [] : [`teacher's logits: ${cache}, ${teacherSeconds.toFixed(1)} s`]),
    `written to ${out}`,
  ].join("\n");
}
