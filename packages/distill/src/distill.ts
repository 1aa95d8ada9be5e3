import { ArgumentError, ConfigurationError, type Engine, type HostTensor, type Variable } from "@lowbit/core-tensor";
import { joinPath, type Storage } from "@lowbit/core-tensor/storage";
import {
  type EpochReport,
  type Evaluation,
  evaluateLogits,
  type JsonRecord,
  type Loader,
  type LogitsFunction,
  type Model,
  type Optimiser,
  type Schedule,
  type Start,
  type TrainingCallbacks,
  train,
} from "@lowbit/nn";
import { type ApprenticeLossOptions, checkApprenticeLoss } from "./apprentice-loss.js";
import { compileGuidedStep, compileJointStep, compileTaughtStep } from "./apprentice-step.js";
import { type FeatureHint, type PreparedHints, prepareHints } from "./feature-hints.js";
import { type FrozenTeacher, frozenTeacher, identifyNetwork } from "./frozen-teacher.js";
import { LogitsCache } from "./logits-cache.js";
import { type CacheUse, type NumberedBatch, type TaughtLoader, teachLoader } from "./teach-loader.js";

/** How teacher and student come together; the paper's names. */
export type DistillationScheme = "a" | "b" | "c";

/** What a stage trains: the teacher; the student in full precision; the student at its precision. */
export type StageName = "teacher" | "full-precision" | "apprentice";

/** Who teaches. */
export type TeacherSource =
  /** Networks that are trained already. */
  | { readonly kind: "frozen"; readonly teacher: FrozenTeacher }
  /** A fresh network: scheme a trains it beside the student, b and c before. */
  | { readonly kind: "model"; readonly model: Model; readonly epochs: number; readonly schedule: Schedule }
  /** Nobody: the same stages on labels alone, to compare with. */
  | { readonly kind: "none" };

export interface DistillOptions {
  readonly scheme: DistillationScheme;
  readonly engine: Engine;
  readonly storage: Storage;
  /** The student's checkpoint; earlier stages lie in its folder "stages". */
  readonly folder: string;
  /** Goes on with what the folder holds. Without it the folder must be empty or missing. */
  readonly resume?: boolean;
  readonly allowBuildChange?: boolean;
  /** A checkpoint at least this often; 10 where absent. */
  readonly everySeconds?: number;
  readonly teacher: TeacherSource;
  /** In full precision, with its first weights. */
  readonly student: Model;
  /**
   * The student at its precision: `prepare` of @lowbit/quant. Asked when its turn comes, with the weights as they are then; it must
   * keep the student's variables.
   */
  readonly lower: (student: Model, read: (variable: Variable) => Promise<HostTensor>) => Promise<Model>;
  readonly loader: Loader<NumberedBatch>;
  /** After each epoch the network of the stage is evaluated on it, in the end the teacher too. */
  readonly evaluate: Loader;
  readonly optimiser: Optimiser;
  /** Of the student at its precision: in scheme c it should begin small. */
  readonly schedule: Schedule;
  readonly epochs: number;
  /** Of the student in full precision: what scheme c does first. */
  readonly fullPrecision?: { readonly epochs: number; readonly schedule: Schedule };
  /** The teacher's learning rate in scheme a as a multiple of the student's; 1 where absent. */
  readonly teacherRate?: number;
  readonly loss?: ApprenticeLossOptions;
  /** Of inner layers. A frozen teacher is then computed in each step, and nothing is cached. */
  readonly hints?: readonly FeatureHint[];
  /** Of the hints' regressors; 0 where absent. */
  readonly seed?: number;
  /** Where the teacher's logits are kept; absent: it is asked each time. */
  readonly cache?: {
    readonly folder: string;
    /** What decides the logits beside teacher and kernels: data, batch, augmentation and its seed. */
    readonly key: JsonRecord;
    readonly images: number;
    readonly classes: number;
    readonly perEpoch: boolean;
  };
  /** What a stage's checkpoint says of itself, beside the settings above. */
  readonly identity?: (stage: StageName, model: Model) => JsonRecord;
  readonly callbacks?: DistillationCallbacks;
  readonly signal?: AbortSignal;
}

export interface DistillationCallbacks extends TrainingCallbacks {
  /** A stage begins, or is found finished: its place among so many. */
  onStage?(stage: {
    readonly name: StageName;
    readonly index: number;
    readonly count: number;
    readonly epochs: number;
  }): void;
  /** The teacher is asked about an epoch: images done so far. */
  onTeacher?(images: number, of: number): void;
  onWarning?(message: string): void;
}

export interface DistillationOutcome {
  readonly start: Start;
  /** The student at its precision. */
  readonly model: Model;
  /** How its last epoch went; `terms` are teacher, apprentice and distillation. */
  readonly result: EpochReport;
  /** Of the teacher, on the images of `evaluate`; null where nobody taught. */
  readonly teacher: Evaluation | null;
  readonly cache: CacheUse;
  /** That a frozen teacher was computing logits in this process; null where it is part of the student's step. */
  readonly teacherSeconds: number | null;
}

/** One run of `train`, in a folder of its own. */
interface Stage {
  readonly name: StageName;
  readonly epochs: number;
  run(): Promise<void>;
}

/**
 * Trains a student at low precision with a teacher, by one of Apprentice's schemes:
 *
 *   a  teacher and student jointly, from scratch, in one step
 *   b  the teacher first where it isn't trained yet; then it is frozen and the student learns from its logits
 *   c  as b, but the student is trained in full precision first, on labels; then it is lowered and fine-tuned with the teacher
 *
 * Each is a list of stages, and each stage a training run with checkpoints: stopped anywhere, the same call with `resume` ends bit
 * for bit as if it had not been stopped. The last stage's folder is the student's, like any that `train` writes.
 *
 * Source: Mishra and Marr, "Apprentice", arXiv 1711.05852, section 4
 *
 * @throws {InterruptedError} when the signal said so; the folder can be resumed
 * @throws {ConfigurationError} when the folder holds another run, or is not empty and `resume` is not asked for
 * @throws {ArgumentError} for options that don't go together
 */
export async function distill(options: DistillOptions): Promise<DistillationOutcome> {
  const { storage, folder, resume = false, callbacks } = options;
  check(options);
  if (!resume) await refuseOccupied(storage, folder);
  const run = new Distillation(options);
  const stages = run.stages();
  for (const [index, stage] of stages.entries()) {
    options.signal?.throwIfAborted();
    callbacks?.onStage?.({ name: stage.name, index, count: stages.length, epochs: stage.epochs });
    await stage.run();
  }
  return run.outcome();
}

function check({ scheme, teacher, fullPrecision, loss = {}, hints = [] }: DistillOptions): void {
  checkApprenticeLoss(loss);
  const refuse = (headline: string, where: string, want: string): never => {
    throw new ArgumentError(headline, { where, want });
  };
  if (scheme === "a" && teacher.kind === "frozen") {
    refuse(
      "scheme a trains its teacher beside the student",
      "teacher",
      "a model to train, or scheme b for a trained one",
    );
  }
  if (hints.length > 0 && teacher.kind === "none") refuse("nobody gives hints", "hints", "a teacher");
  if (hints.length > 0 && teacher.kind === "frozen" && teacher.teacher.networks > 1) {
    refuse("an average of several networks has no inner layers to give hints of", "hints", "one network");
  }
  if (scheme === "c" && !fullPrecision) {
    refuse("scheme c trains the student in full precision first", "fullPrecision", "its epochs and schedule");
  }
  if (scheme !== "c" && fullPrecision) refuse(`scheme ${scheme} has no such stage`, "fullPrecision", "scheme c");
}

async function refuseOccupied(storage: Storage, folder: string): Promise<void> {
  const status = await storage.status(folder);
  if (status === undefined || (status.kind === "folder" && (await storage.list(folder)).length === 0)) return;
  throw new ConfigurationError("the folder for this run is not empty", {
    where: folder,
    want: "an empty folder, or one that does not exist yet",
    hint: "resume the run in it, or name another folder",
  });
}

/** One call of `distill`: what a stage leaves for the next. */
class Distillation {
  private taught: TaughtLoader | undefined;
  private teacherLogits: LogitsFunction | undefined;
  private last: Omit<DistillationOutcome, "teacher" | "cache" | "teacherSeconds"> | undefined;

  constructor(private readonly options: DistillOptions) {}

  stages(): Stage[] {
    const { scheme, teacher, fullPrecision, epochs } = this.options;
    const stages: Stage[] = [];
    if (teacher.kind === "model" && scheme !== "a") {
      const { model, epochs, schedule } = teacher;
      stages.push({ name: "teacher", epochs, run: () => this.trainPlain("teacher", model, { epochs, schedule }) });
    }
    if (fullPrecision) {
      const run = () => this.trainPlain("full-precision", this.options.student, fullPrecision);
      stages.push({ name: "full-precision", epochs: fullPrecision.epochs, run });
    }
    stages.push({ name: "apprentice", epochs, run: () => this.trainApprentice() });
    return stages;
  }

  async outcome(): Promise<DistillationOutcome> {
    const { evaluate: loader, signal } = this.options;
    if (!this.last) throw new Error("the last stage has not run");
    const evaluation = this.teacherLogits && (await evaluateLogits(this.teacherLogits, { loader, signal }));
    if (!evaluation) return { ...this.last, teacher: null, cache: "live", teacherSeconds: null };
    const { imagesPerSecond: _, ...teacher } = evaluation;
    return { ...this.last, teacher, ...(this.taught?.report() ?? { cache: "live", teacherSeconds: null }) };
  }

  /** Labels alone, in a folder of its own below the student's. */
  private async trainPlain(
    name: StageName,
    model: Model,
    { epochs, schedule }: { readonly epochs: number; readonly schedule: Schedule },
  ): Promise<void> {
    const { engine, loader, evaluate, optimiser, callbacks, signal, folder } = this.options;
    const checkpoint = this.checkpointOf(name, model, joinPath(joinPath(folder, "stages"), name));
    await train({ engine, model, loader, evaluate, optimiser, schedule, epochs, callbacks, signal, checkpoint });
  }

  private async trainApprentice(): Promise<void> {
    const { scheme, engine, student, lower, teacher, optimiser, teacherRate, loss } = this.options;
    const { loader, evaluate, schedule, epochs, callbacks, signal, folder } = this.options;
    const model = await lower(student, (variable) => engine.read(variable));
    const common = {
      ...{ engine, model, evaluate, optimiser, schedule, epochs, callbacks, signal },
      checkpoint: this.checkpointOf("apprentice", model, folder),
    };
    if (teacher.kind === "none") {
      this.last = { ...(await train({ ...common, loader })), model };
    } else if (scheme === "a" && teacher.kind === "model") {
      const hints = this.hintsFrom(model, (images) => teacher.model.forward(images, { training: false }));
      const learner = { teacher: teacher.model, teacherRate };
      const step = compileJointStep(engine, { ...learner, student: model, optimiser, loss, hints });
      this.last = { ...(await train({ ...common, loader, step })), model };
      this.teacherLogits = this.compileTeacher(teacher.model);
    } else {
      const frozen = await this.freezeTeacher();
      this.teacherLogits = engine.compile(({ images }) => ({ logits: frozen.forward(images) }));
      const hints = this.hintsFrom(model, frozen.forward);
      if (hints) {
        const step = compileGuidedStep(engine, { student: model, teacher: frozen, optimiser, loss, hints });
        this.last = { ...(await train({ ...common, loader, step })), model };
        return;
      }
      this.taught = this.teach(frozen, this.teacherLogits);
      const step = compileTaughtStep(engine, { student: model, optimiser, loss });
      this.last = { ...(await train({ ...common, loader: this.taught, step })), model };
    }
  }

  private hintsFrom(student: Model, teacher: FrozenTeacher["forward"]): PreparedHints | undefined {
    const { hints = [], seed } = this.options;
    return hints.length === 0 ? undefined : prepareHints(hints, { student, teacher, seed });
  }

  private compileTeacher(model: Model): LogitsFunction {
    return this.options.engine.compile(({ images }) => ({ logits: model.forward(images, { training: false }) }));
  }

  private async freezeTeacher(): Promise<FrozenTeacher> {
    const { teacher, engine } = this.options;
    if (teacher.kind === "frozen") return teacher.teacher;
    if (teacher.kind === "none") throw new Error("nobody teaches");
    return frozenTeacher([{ model: teacher.model, identity: await identifyNetwork(engine, teacher.model) }]);
  }

  private teach({ identity }: FrozenTeacher, logitsOf: LogitsFunction): TaughtLoader {
    const { loader, cache, engine, storage, signal, callbacks } = this.options;
    const { name, build } = engine.backend;
    const key = { teacher: identity, ...cache?.key, backend: name, build };
    const warn = (message: string) => callbacks?.onWarning?.(message);
    return teachLoader({
      ...{ loader, logitsOf, signal },
      onTeacher: (images, of) => callbacks?.onTeacher?.(images, of),
      ...(cache && { cache: { ...cache, cache: new LogitsCache({ storage, folder: cache.folder, key, warn }) } }),
    });
  }

  private checkpointOf(name: StageName, model: Model, folder: string) {
    const {
      storage,
      allowBuildChange,
      everySeconds,
      identity,
      scheme,
      teacher,
      teacherRate = 1,
      loss,
      hints,
    } = this.options;
    const distillation = {
      ...{ scheme, stage: name, teacher: describeTeacher(teacher), teacherRate },
      ...checkApprenticeLoss(loss ?? {}),
      ...(hints && hints.length > 0 && { hints: hints.map((hint) => ({ ...hint })) }),
    };
    // Whether there was a run to go on with was asked before the first stage.
    const settings = { storage, folder, allowBuildChange, everySeconds, resume: true };
    return { ...settings, identity: { ...identity?.(name, model), distillation } };
  }
}

function describeTeacher(teacher: TeacherSource): JsonRecord {
  if (teacher.kind === "none") return { kind: "none" };
  if (teacher.kind === "frozen") return { kind: "frozen", identity: teacher.teacher.identity };
  const { model, epochs } = teacher;
  return { kind: "model", name: model.name, options: model.options, epochs };
}
