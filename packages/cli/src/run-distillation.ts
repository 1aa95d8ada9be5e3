import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import type { DistillationCallbacks, StageName } from "@lowbit/distill";
import { InterruptedError } from "@lowbit/nn";
import type { TrainingMemory } from "@lowbit/quant";
import { thisCommandWith } from "./command-name.js";
import { type DistilledNetwork, distillNetwork, prepareDistillation } from "./distill-network.js";
import { type Distillation, distillationCalls, distillationSchema, parseDistillation } from "./distillation.js";
import type { ExperimentSource } from "./experiment.js";
import { Interrupted, watchInterrupt } from "./interrupt.js";
import { openEngine } from "./open-engine.js";
import { checkOutFolder } from "./out-folder.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { startProgress } from "./progress.js";
import { readFields } from "./read-fields.js";
import { runImageEvaluation } from "./run-evaluation.js";
import { trainingReporter } from "./training-reporter.js";

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
  const interrupt = watchInterrupt({ onFirst: () => note("\nstopping after this step; Ctrl-C again ends at once") });
  try {
    await checkOutFolder(storage, out, { resume });
    const { trainingMemory } = options;
    const prepared = await prepareDistillation(distillation, { source, registry, warn, trainingMemory });
    const engine = await openEngine({ backend, threads, build }, "training");
    const { callbacks, stop } = stageReporter({ show, engine });
    try {
      interrupt.signal.throwIfAborted(); // nothing has been written yet
      if (resume && !(await storage.exists(out))) note(`there is no run in ${out}: starting from the beginning`);
      if (prepared.teacher.kind !== "none" && distillation.scheme !== "a") noteCaching(distillation, cache);
      const cacheFolder = cache === false ? undefined : cache;
      const { signal } = interrupt;
      const run = { engine, storage, out, resume, allowBuildChange, cacheFolder, signal, callbacks };
      const { network, start } = await distillNetwork(prepared, run);
      if (start === "finished") note(`the run in ${out} is finished; this is its result`);
      return { ...network, ...(await evaluateWritten(out, options)) };
    } finally {
      stop();
      await engine.close();
    }
  } catch (error) {
    if (error instanceof InterruptedError) {
      note(`${error.message.split("\n")[0]}; saved in ${out}. Go on with:\n  ${thisCommandWith("--resume")}`);
      throw new Interrupted(error.message);
    }
    if (error instanceof Interrupted) note("interrupted before anything was written");
    throw error;
  } finally {
    interrupt.release();
  }
}

/** The figures of the written checkpoint, as `lowbit eval` finds them: on the fastest build for inference, not the one that trained. */
async function evaluateWritten(out: string, { backend, threads, build, plugin, progress }: DistillCommandOptions) {
  const options = { backend, threads, build, plugin, progress, batch: 100 };
  const { accuracy, loss, images } = await runImageEvaluation(out, options);
  return { accuracy, loss, images };
}

function noteCaching({ augment }: Distillation, cache: string | false): void {
  if (cache === false) note("the teacher is asked about each batch, live: nothing is cached");
  else if (augment === "none") note(`the teacher's logits are computed once and cached in ${cache}`);
  else note(`the teacher's logits are cached in ${cache}, per epoch, with the augmentation of the same seed`);
}

/** A reporter for each stage, under the stage's name. */
function stageReporter({ show, engine }: Pick<Parameters<typeof trainingReporter>[0], "show" | "engine">): {
  callbacks: DistillationCallbacks;
  stop(): void;
} {
  let reporter: ReturnType<typeof trainingReporter> | undefined;
  let asking: ReturnType<typeof startProgress> | undefined;
  const stop = (): void => {
    reporter?.stop();
    asking?.stop();
    asking = undefined;
  };
  const names: Record<StageName, string> = {
    teacher: "teacher",
    "full-precision": "student in full precision",
    apprentice: "student",
  };
  const callbacks: DistillationCallbacks = {
    onStage: ({ name, index, count, epochs }) => {
      stop();
      if (count > 1) note(`stage ${index + 1} of ${count}: ${names[name]}`);
      reporter = trainingReporter({ label: names[name], epochs, show, engine });
    },
    onTeacher: (images, of) => {
      reporter?.stop();
      asking ??= startProgress("asking the teacher", of, { show });
      asking.update(images);
      if (images < of) return;
      asking.stop();
      asking = undefined;
    },
    onWarning: warn,
    onStart: (start) => reporter?.callbacks.onStart?.(start),
    onStep: (step) => reporter?.callbacks.onStep?.(step),
    onEpoch: (epoch) => reporter?.callbacks.onEpoch?.(epoch),
  };
  return { callbacks, stop };
}

async function readDistillation(source: ExperimentSource, options: object): Promise<Distillation> {
  const required = [
    ["scheme", "a, b or c"],
    ["teacher", "a trained network's folder, or a model: lowbit list models"],
    ["student", "NAME: lowbit list models"],
    ["data", "NAME: lowbit list datasets"],
  ] as const;
  const known = Object.keys(distillationSchema.shape);
  const { teacher } = options as { teacher?: readonly string[] };
  const named = teacher?.length === 1 ? { ...options, teacher: teacher[0] } : options;
  const fields = await readFields(openStorage(), source, named, known, (given) => {
    for (const [name, want] of required) {
      if (!(name in given)) throw new ArgumentError(`distill needs --${name}`, { want: `--${name} ${want}` });
    }
  });
  return parseDistillation(fields, source);
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
