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
  run(batch: Taken & { readonly learningRate: number }): Promise<StepResult>;
}

export interface StepResult {
  readonly loss: number;
  /** [N, classes] of the model that is trained. */
  readonly logits: HostTensor;
  /** The parts of the loss, where it has some to tell. */
  readonly terms?: LossTerms;
}

/** Compiles forward pass, loss, gradients and update into one step. */
export function compileTrainingStep(
  engine: Engine,
  { model, loss, optimiser }: { readonly model: Model; readonly loss: Loss; readonly optimiser: Optimiser },
): TrainingStep {
  const parameters = model.variables.filter(({ trainable }) => trainable);
  const update = optimiser.forParameters(parameters);
  const step = engine.compile<HostTensors, { loss: Tensor; logits: Tensor }>(({ images, labels, learningRate }) => {
    const logits = model.forward(images, { training: true });
    const value = loss(logits, labels);
    update.update(grad(value, parameters), learningRate);
    const [finalLoss, finalLogits] = model.finishStep?.([value, logits], value) ?? [value, logits];
    return { loss: finalLoss, logits: finalLogits };
  });
  return {
    modelVariables: model.variables,
    optimiserVariables: update.variables,
    async run({ images, labels, learningRate }) {
      const rate: HostTensor = { dtype: "f32", shape: [], data: Float32Array.of(learningRate) };
      const result = await step({ images, labels, learningRate: rate });
      return { loss: result.loss.data[0], logits: result.logits };
    },
  };
}
