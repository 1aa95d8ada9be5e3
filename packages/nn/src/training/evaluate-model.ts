import { ArgumentError, type Compiled, type Engine, type HostTensors, type Tensor } from "@lowbit/core-tensor";
import { noScore, scoreLogits } from "../metrics/score-logits.js";
import type { Model } from "../models/model.js";
import { eventLoopTurns } from "./event-loop-turns.js";
import { InterruptedError } from "./interrupted-error.js";
import type { Loader } from "./loader.js";
import { resetCarried } from "./reset-carried.js";

/** How well a network does on a data set. */
export interface Evaluation {
  /** Top-1, in per cent. */
  readonly accuracy: number;
  /** Top-5, in per cent. */
  readonly top5: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  readonly images: number;
}

export interface TimedEvaluation extends Evaluation {
  readonly imagesPerSecond: number;
}

export interface EvaluationRun {
  readonly loader: Loader;
  readonly signal?: AbortSignal;
  /** After each batch: images done so far. */
  readonly onBatch?: (images: number) => void;
}

/** Gives logits [N, classes] for images [N, C, H, W]. */
export type LogitsFunction = Compiled<HostTensors, { logits: Tensor }>;

/** The evaluation graph of a model, compiled for an engine. */
export function compileForward(engine: Engine, model: Pick<Model, "forward">): LogitsFunction {
  return engine.compile(({ images }) => ({ logits: model.forward(images, { training: false }) }));
}

/**
 * Scores the first epoch of a loader, each image once: the last batch may be smaller. Sums are kept in float64 and in the
 * order of the images, so that equal logits give equal results.
 */
export async function evaluateLogits(logitsOf: LogitsFunction, run: EvaluationRun): Promise<TimedEvaluation> {
  const { loader, signal, onBatch } = run;
  let score = noScore;
  let seconds = 0;
  const takeTurn = eventLoopTurns(25);
  loader.seek({ epoch: 0, cursor: 0 });
  for await (const { images, labels } of loader) {
    if (signal?.aborted) throw new InterruptedError(`while evaluating, after ${score.images} images`);
    const started = performance.now();
    const { logits } = await logitsOf({ images });
    seconds += (performance.now() - started) / 1000;
    score = scoreLogits(logits, labels, score);
    onBatch?.(score.images);
    await takeTurn();
  }
  const { images, top1, top5, loss } = score;
  if (images === 0)
    throw new ArgumentError("there are no images to evaluate on", { want: "a loader that gives batches" });
  return {
    accuracy: (100 * top1) / images,
    top5: (100 * top5) / images,
    loss: loss / images,
    images,
    imagesPerSecond: images / seconds,
  };
}

/**
 * Evaluates a model on all images of a loader.
 *
 * @returns `accuracy` and `top5` in per cent, mean `loss`, `images`, and `imagesPerSecond` of the network alone
 */
export async function evaluateModel(
  options: EvaluationRun & { readonly engine: Engine; readonly model: Pick<Model, "forward" | "carried"> },
): Promise<TimedEvaluation> {
  await resetCarried(options.engine, options.model);
  return evaluateLogits(compileForward(options.engine, options.model), options);
}
