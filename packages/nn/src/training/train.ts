import { ArgumentError, type Engine, NonFiniteError } from "@lowbit/core-tensor";
import { type CheckpointOptions, type Start, TrainingFolder } from "../checkpoint/training-folder.js";
import type { JsonRecord } from "../json.js";
import { crossEntropyLoss, type Loss } from "../losses/cross-entropy-loss.js";
import { scoreLogits } from "../metrics/score-logits.js";
import type { Model } from "../models/model.js";
import type { Optimiser } from "../optimisers/optimiser.js";
import type { Schedule } from "../schedules/schedule.js";
import { compileForward, type Evaluation, evaluateLogits, type LogitsFunction } from "./evaluate-model.js";
import { eventLoopTurns } from "./event-loop-turns.js";
import { InterruptedError } from "./interrupted-error.js";
import type { Batch, Loader } from "./loader.js";
import {
  addToSums,
  type EpochReport,
  type LossTerms,
  meanTerms,
  noSums,
  type Progress,
  startOfRun,
} from "./progress.js";
import { resetCarried } from "./reset-carried.js";
import { compileTrainingStep, type TrainingStep } from "./training-step.js";

/** What a step did. */
export interface StepReport {
  readonly epoch: number;
  /** Steps done, this one included. */
  readonly step: number;
  readonly totalSteps: number;
  /** Of this batch, before the step. */
  readonly loss: number;
  /** Parts of the loss, where it tells them. */
  readonly terms?: LossTerms;
  /** Of this batch, in per cent. */
  readonly accuracy: number;
  readonly learningRate: number;
  readonly images: number;
  /** Of this step alone. */
  readonly imagesPerSecond: number;
}

/** Told as a run goes; what they return is waited for. */
export interface TrainingCallbacks {
  onStart?(start: {
    readonly start: Start;
    readonly epoch: number;
    readonly step: number;
    readonly totalSteps: number;
  }): void | Promise<void>;
  onStep?(report: StepReport): void | Promise<void>;
  /** During the evaluation of an epoch: images done so far. */
  onEvaluation?(images: number): void;
  /** `log` adds a line to the log of the run's folder, where it has one; nothing in it may depend on time, or on being resumed. */
  onEpoch?(report: EpochReport, log: (line: JsonRecord) => void): void | Promise<void>;
  /** A checkpoint has been written. */
  onCheckpoint?(saved: { readonly folder: string; readonly step: number }): void | Promise<void>;
}

export interface TrainOptions<Taken extends Batch = Batch> {
  readonly engine: Engine;
  readonly model: Model;
  readonly loader: Loader<Taken>;
  /** Evaluated after each epoch. */
  readonly evaluate?: Loader;
  /** Cross-entropy where absent. */
  readonly loss?: Loss;
  /** The step that is run for each batch; that of model, loss and optimiser where absent. */
  readonly step?: TrainingStep<Taken>;
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
  readonly epochs: number;
  /** So many epochs at the end are trained with batch norm frozen: it goes by its running statistics. 0 where absent. */
  readonly frozenBatchNormEpochs?: number;
  readonly callbacks?: TrainingCallbacks;
  /** What else the log tells of an epoch, measured after its evaluation: nothing that depends on time. */
  readonly measure?: () => Promise<JsonRecord>;
  /** Ends the run after the step that is running: a checkpoint is saved, and `train` rejects with an InterruptedError. */
  readonly signal?: AbortSignal;
  readonly checkpoint?: CheckpointOptions;
}

export interface TrainingOutcome {
  readonly start: Start;
  /** How the last epoch went: the same for a run, a resumed run, and a finished run that is asked again. */
  readonly result: EpochReport;
}

/**
 * Trains a model; leaves the final values in the engine.
 *
 * @throws {InterruptedError} when the signal said so; the folder can be resumed
 * @throws {NonFiniteError} when a step would make NaN or Inf; nothing of that step is kept, nor any later checkpoint
 * @throws {ConfigurationError} when the folder holds another run, or is not empty and `resume` is not asked for
 * @example
 * const outcome = await train({
 *   engine, model, loader, epochs: 5, optimiser: sgd({ momentum: 0.9 }), schedule: cosineSchedule({ learningRate: 0.1 }),
 * });
 */
export async function train<Taken extends Batch = Batch>(options: TrainOptions<Taken>): Promise<TrainingOutcome> {
  const { engine, model, loader, evaluate, loss = crossEntropyLoss, optimiser, schedule, epochs, checkpoint } = options;
  if (!Number.isSafeInteger(epochs) || epochs < 1) {
    throw new ArgumentError(`a run can't take ${epochs} epochs`, {
      where: "epochs",
      want: "a whole number from 1",
      got: epochs,
    });
  }
  const { frozenBatchNormEpochs = 0 } = options;
  if (!Number.isSafeInteger(frozenBatchNormEpochs) || frozenBatchNormEpochs < 0 || frozenBatchNormEpochs > epochs) {
    throw new ArgumentError(`batch norm can't be frozen in ${frozenBatchNormEpochs} of ${epochs} epochs`, {
      where: "frozenBatchNormEpochs",
      want: `a whole number from 0 to ${epochs}`,
      got: frozenBatchNormEpochs,
    });
  }
  const stepsPerEpoch = loader.batchesPerEpoch;
  const step = options.step ?? compileTrainingStep(engine, { model, loss, optimiser });
  if (frozenBatchNormEpochs > 0 && !step.freezesBatchNorm) {
    throw new ArgumentError("this training step can't freeze batch norm", {
      where: "frozenBatchNormEpochs",
      want: "0, or a step with freezesBatchNorm",
    });
  }
  const run = {
    model: { name: model.name, options: model.options },
    identity: checkpoint?.identity ?? {},
    optimiser: { name: optimiser.name, options: optimiser.options },
    schedule: { name: schedule.name, options: schedule.options },
    epochs,
    stepsPerEpoch,
    ...(frozenBatchNormEpochs > 0 && { frozenBatchNormEpochs }),
  };
  const opened = checkpoint && (await TrainingFolder.open(checkpoint, run, { engine, step }));
  const { folder, start, progress, scheduleState } = opened ?? {
    ...{ folder: undefined, start: "fresh" as const, progress: startOfRun, scheduleState: null },
  };
  const totalSteps = epochs * stepsPerEpoch;
  await options.callbacks?.onStart?.({ start, epoch: progress.epochsDone, step: progress.step, totalSteps });
  if (start === "finished") return { start, result: progress.lastEpoch as EpochReport };
  if (scheduleState !== null) schedule.restore?.(scheduleState);
  const logitsOf = evaluate && compileForward(engine, model);
  try {
    const running = new TrainingRun({ ...options, totalSteps }, step, logitsOf, folder, progress);
    return { start, result: await running.finish() };
  } finally {
    await folder?.close();
  }
}

/** One run, from where it stands to its end. */
class TrainingRun<Taken extends Batch> {
  private readonly takeTurn = eventLoopTurns(25);
  private savedStep: number;

  constructor(
    private readonly options: TrainOptions<Taken> & { readonly totalSteps: number },
    private readonly step: TrainingStep<Taken>,
    private readonly logitsOf: LogitsFunction | undefined,
    private readonly folder: TrainingFolder | undefined,
    private progress: Progress,
  ) {
    this.savedStep = progress.step;
  }

  async finish(): Promise<EpochReport> {
    const { epochs } = this.options;
    while (this.progress.epochsDone < epochs) {
      if (this.progress.position.epoch === this.progress.epochsDone) {
        await this.trainEpoch();
        if (this.logitsOf) await this.save(); // an evaluation may take long
      }
      await this.endEpoch();
      await this.save();
    }
    return this.progress.lastEpoch as EpochReport;
  }

  private async trainEpoch(): Promise<void> {
    const { engine, model, loader, signal } = this.options;
    if (this.progress.position.cursor === 0) await resetCarried(engine, model);
    loader.seek(this.progress.position);
    for await (const batch of loader) {
      if (signal?.aborted) await this.interrupt();
      await this.takeStep(batch);
      if (this.folder?.isDue) await this.save();
      await this.takeTurn();
    }
    this.progress = { ...this.progress, position: { epoch: this.progress.epochsDone + 1, cursor: 0 } };
    if (this.progress.sums.images === 0) {
      throw new ArgumentError("there are no images to train on", { want: "a loader that gives batches" });
    }
  }

  private async takeStep(batch: Taken): Promise<void> {
    const { loader, schedule, totalSteps, callbacks, epochs, frozenBatchNormEpochs = 0 } = this.options;
    const position = loader.position(); // before anything else can move it
    const { epochsDone: epoch, step: before, sums } = this.progress;
    const learningRate = schedule.learningRate(before, totalSteps);
    const started = performance.now();
    const { loss, logits, terms } = await this.step
      .run({ ...batch, learningRate, step: before, frozenBatchNorm: epoch >= epochs - frozenBatchNormEpochs })
      .catch((error) => Promise.reject(this.explainFailure(error)));
    const seconds = (performance.now() - started) / 1000;
    const { top1, images: count } = scoreLogits(logits, batch.labels);
    const step = before + 1;
    this.progress = {
      ...this.progress,
      position,
      step,
      sums: addToSums(sums, { images: count, correct: top1, loss, terms }),
    };
    this.folder?.note({ event: "step", epoch, step, loss, ...(terms && { terms }), learningRate });
    const accuracy = (100 * top1) / count;
    const imagesPerSecond = count / seconds;
    await callbacks?.onStep?.({
      epoch,
      step,
      totalSteps,
      loss,
      ...(terms && { terms }),
      accuracy,
      learningRate,
      images: count,
      imagesPerSecond,
    });
  }

  private async endEpoch(): Promise<void> {
    const { schedule, callbacks, measure } = this.options;
    const { epochsDone: epoch, step, sums } = this.progress;
    const evaluation = await this.evaluate();
    const report: EpochReport = {
      epoch,
      step,
      loss: sums.loss / sums.images,
      accuracy: (100 * sums.correct) / sums.images,
      ...meanTerms(sums),
      evaluation,
    };
    schedule.observe?.({ training: report.loss, ...(evaluation && { evaluation: evaluation.loss }) });
    const measured = await measure?.();
    this.folder?.note({ event: "epoch", ...report, evaluation: evaluation && { ...evaluation }, ...measured });
    this.progress = { ...this.progress, epochsDone: epoch + 1, sums: noSums, lastEpoch: report };
    await callbacks?.onEpoch?.(report, (line) => this.folder?.note(line));
  }

  private async evaluate(): Promise<Evaluation | null> {
    const { engine, model, evaluate: loader, signal, callbacks } = this.options;
    if (!loader || !this.logitsOf) return null;
    await resetCarried(engine, model);
    const onBatch = (images: number) => callbacks?.onEvaluation?.(images);
    const timed = await evaluateLogits(this.logitsOf, { loader, signal, onBatch }).catch((error) => {
      // The epoch was saved before its evaluation began: resuming starts with the evaluation.
      throw error instanceof InterruptedError ? new InterruptedError(this.where(), this.folder?.path) : error;
    });
    const { imagesPerSecond: _, ...evaluation } = timed;
    return evaluation;
  }

  private async save(): Promise<void> {
    const { schedule, epochs, callbacks } = this.options;
    if (!this.folder) return;
    const { progress } = this;
    const finished = progress.epochsDone === epochs;
    await this.folder.save({ progress, scheduleState: schedule.state?.() ?? null, finished });
    this.savedStep = progress.step;
    await callbacks?.onCheckpoint?.({ folder: this.folder.path, step: progress.step });
  }

  private async interrupt(): Promise<never> {
    await this.save();
    throw new InterruptedError(this.where(), this.folder?.path);
  }

  private where(): string {
    return `in epoch ${this.progress.epochsDone + 1}, after step ${this.progress.step} of ${this.options.totalSteps}`;
  }

  private explainFailure(error: unknown): unknown {
    if (!(error instanceof NonFiniteError)) return error;
    const [headline] = error.message.split("\n");
    const layer = error.layer && `layer "${error.layer}"`;
    const kept = this.folder && `${this.folder.path} holds the checkpoint of step ${this.savedStep}`;
    const { epochsDone, step } = this.progress;
    return new NonFiniteError(`training diverged in epoch ${epochsDone + 1}, step ${step + 1}: ${headline}`, {
      layer: error.layer,
      where: [layer, kept].filter(Boolean).join("; ") || undefined,
      want: "finite values",
      hint: "a smaller learning rate, a warm-up, or inputs without NaN",
      cause: error,
    });
  }
}
