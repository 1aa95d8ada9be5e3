import { type Engine, grad, type HostTensor, type HostTensors, type Tensor, type Variable } from "@lowbit/core-tensor";
import type { Loss } from "../losses/cross-entropy-loss.js";
import type { Model } from "../models/model.js";
import type { Optimiser } from "../optimisers/optimiser.js";
import type { Batch } from "./loader.js";
import type { LossTerms } from "./progress.js";

/** What `train` calls for each batch. `compileTrainingStep` makes the usual one. */
export interface TrainingStep<Taken extends Batch = Batch> {
  /** Everything that a step can change: the model's variables, then the optimiser's. */
  readonly modelVariables: readonly Variable[];
  readonly optimiserVariables: readonly Variable[];
  /** What else it can change, such as a second network: by the name of the checkpoint's part that holds it, without ".safetensors". */
  readonly furtherVariables?: ReadonlyMap<string, readonly Variable[]>;
  /** Whether `run` heeds `frozenBatchNorm`. */
  readonly freezesBatchNorm?: boolean;
  run(batch: Taken & StepContext): Promise<StepResult>;
}

export interface StepContext {
  readonly learningRate: number;
  /** Steps of the run before this one; 0 where absent. */
  readonly step?: number;
  /** Batch norm goes by its running statistics, and leaves them as they are. */
  readonly frozenBatchNorm?: boolean;
}

export interface StepResult {
  readonly loss: number;
  /** [N, classes] of the model that is trained. */
  readonly logits: HostTensor;
  /** The parts of the loss, where it has some to tell. */
  readonly terms?: LossTerms;
}

/** The first steps of a run, which go through another graph of the same variables: in full precision, before it is lowered. */
export interface FirstSteps {
  readonly steps: number;
  readonly forward: Model["forward"];
  /** Called before the first step that goes through the model itself; again where a run resumes at that very step. */
  onEnd?(): Promise<void>;
}

/** Compiles forward pass, loss, gradients and update into one step. */
export function compileTrainingStep(
  engine: Engine,
  {
    model,
    loss,
    optimiser,
    first,
  }: { readonly model: Model; readonly loss: Loss; readonly optimiser: Optimiser; readonly first?: FirstSteps },
): TrainingStep {
  const parameters = model.variables.filter(({ trainable }) => trainable);
  const update = optimiser.forParameters(parameters);
  const compile = (network: Pick<Model, "forward" | "finishStep">, frozenBatchNorm: boolean) =>
    engine.compile<HostTensors, { loss: Tensor; logits: Tensor }>(({ images, labels, learningRate }) => {
      const logits = network.forward(images, { training: true, frozenBatchNorm });
      const value = loss(logits, labels);
      update.update(grad(value, parameters), learningRate);
      const [finalLoss, finalLogits] = network.finishStep?.([value, logits], value) ?? [value, logits];
      return { loss: finalLoss, logits: finalLogits };
    });
  // None of them is planned before its first run.
  const bothOf = (network: Pick<Model, "forward" | "finishStep">) => ({
    moving: compile(network, false),
    frozen: compile(network, true),
  });
  const usual = bothOf(model);
  const early = first && bothOf({ forward: first.forward });
  return {
    modelVariables: model.variables,
    optimiserVariables: update.variables,
    freezesBatchNorm: true,
    async run({ images, labels, learningRate, step: before = 0, frozenBatchNorm }) {
      const isEarly = first !== undefined && before < first.steps;
      if (first?.steps === before && before > 0) await first.onEnd?.();
      const steps = isEarly && early ? early : usual;
      const step = frozenBatchNorm ? steps.frozen : steps.moving;
      const rate: HostTensor = { dtype: "f32", shape: [], data: Float32Array.of(learningRate) };
      const result = await step({ images, labels, learningRate: rate });
      return { loss: result.loss.data[0], logits: result.logits };
    },
  };
}
