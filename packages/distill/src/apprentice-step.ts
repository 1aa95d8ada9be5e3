import { type Compiled, type Engine, grad, type HostTensor, type HostTensors, type Tensor } from "@lowbit/core-tensor";
import type { Batch, Model, Optimiser, StepResult, TrainingStep } from "@lowbit/nn";
import {
  type ApprenticeLoss,
  type ApprenticeLossOptions,
  apprenticeLoss,
  checkApprenticeLoss,
} from "./apprentice-loss.js";

/** A batch with the teacher's word on it. */
export interface TaughtBatch extends Batch {
  /** [N, classes] f32 */
  readonly teacherLogits: HostTensor;
}

interface StepOutputs extends Record<string, Tensor> {
  loss: Tensor;
  logits: Tensor;
  teacher: Tensor;
  apprentice: Tensor;
  distillation: Tensor;
}

/** Lets models change what the backward pass reads, then names the results. */
function finish(models: readonly Model[], logits: Tensor, { loss, terms }: ApprenticeLoss): StepOutputs {
  const results = [loss, logits, terms.teacher, terms.apprentice, terms.distillation];
  const finished = models.reduce((each, model) => model.finishStep?.(each, loss) ?? each, results);
  const [total, own, teacher, apprentice, distillation] = finished;
  return { loss: total, logits: own, teacher, apprentice, distillation };
}

const scalar = (value: number): HostTensor => ({ dtype: "f32", shape: [], data: Float32Array.of(value) });

async function takeStep(step: Compiled<HostTensors, StepOutputs>, inputs: HostTensors): Promise<StepResult> {
  const { loss, logits, teacher, apprentice, distillation } = await step(inputs);
  const terms = {
    teacher: teacher.data[0],
    apprentice: apprentice.data[0],
    distillation: distillation.data[0],
  };
  return { loss: loss.data[0], logits, terms };
}

const parametersOf = ({ variables }: Model) => variables.filter(({ trainable }) => trainable);

/** A step of a student whose teacher is frozen: what the teacher says comes with the batch. */
export function compileTaughtStep(
  engine: Engine,
  options: { readonly student: Model; readonly optimiser: Optimiser; readonly loss?: ApprenticeLossOptions },
): TrainingStep<TaughtBatch> {
  const { student, optimiser } = options;
  const settings = checkApprenticeLoss(options.loss ?? {});
  const parameters = parametersOf(student);
  const update = optimiser.forParameters(parameters);
  const step = engine.compile<HostTensors, StepOutputs>(({ images, labels, teacherLogits, learningRate }) => {
    const studentLogits = student.forward(images, { training: true });
    const built = apprenticeLoss({ teacherLogits, studentLogits, labels }, settings);
    update.update(grad(built.loss, parameters), learningRate);
    return finish([student], studentLogits, built);
  });
  return {
    modelVariables: student.variables,
    optimiserVariables: update.variables,
    run: ({ images, labels, teacherLogits, learningRate }) =>
      takeStep(step, { images, labels, teacherLogits, learningRate: scalar(learningRate) }),
  };
}

export interface JointStepOptions {
  readonly teacher: Model;
  readonly student: Model;
  readonly optimiser: Optimiser;
  /** The teacher's; as the student's, with a state of its own, where absent. */
  readonly teacherOptimiser?: Optimiser;
  /** The teacher's learning rate as a multiple of the student's; 1 where absent. */
  readonly teacherRate?: number;
  readonly loss?: ApprenticeLossOptions;
}

/** Scheme A: one step for both, each with its optimiser. The teacher goes into parts of the checkpoint of its own. */
export function compileJointStep(engine: Engine, options: JointStepOptions): TrainingStep {
  const { teacher, student, optimiser, teacherOptimiser = optimiser, teacherRate = 1 } = options;
  const settings = checkApprenticeLoss(options.loss ?? {});
  const [taught, own] = [parametersOf(teacher), parametersOf(student)];
  const [teacherUpdate, studentUpdate] = [teacherOptimiser.forParameters(taught), optimiser.forParameters(own)];
  const step = engine.compile<HostTensors, StepOutputs>(({ images, labels, learningRate, teacherLearningRate }) => {
    const teacherLogits = teacher.forward(images, { training: true });
    const studentLogits = student.forward(images, { training: true });
    const built = apprenticeLoss({ teacherLogits, studentLogits, labels }, settings);
    const gradients = grad(built.loss, [...taught, ...own]);
    teacherUpdate.update(gradients.slice(0, taught.length), teacherLearningRate);
    studentUpdate.update(gradients.slice(taught.length), learningRate);
    return finish([student, teacher], studentLogits, built);
  });
  return {
    modelVariables: student.variables,
    optimiserVariables: studentUpdate.variables,
    furtherVariables: new Map([
      ["teacher", teacher.variables],
      ["teacher-optimiser", teacherUpdate.variables],
    ]),
    run: ({ images, labels, learningRate }) =>
      takeStep(step, {
        ...{ images, labels, learningRate: scalar(learningRate) },
        teacherLearningRate: scalar(learningRate * teacherRate),
      }),
  };
}
