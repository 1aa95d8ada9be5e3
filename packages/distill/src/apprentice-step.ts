import {
  add,
  type Engine,
  grad,
  type HostTensor,
  type HostTensors,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import type { Batch, Model, Optimiser, ParameterUpdate, TrainingStep } from "@lowbit/nn";
import {
  type ApprenticeLoss,
  type ApprenticeLossOptions,
  apprenticeLoss,
  checkApprenticeLoss,
} from "./apprentice-loss.js";
import type { PreparedHints } from "./feature-hints.js";
import type { FrozenTeacher } from "./frozen-teacher.js";

/** A batch with the teacher's word on it. */
export interface TaughtBatch extends Batch {
  /** [N, classes] f32 */
  readonly teacherLogits: HostTensor;
}

const scalar = (value: number): HostTensor => ({ dtype: "f32", shape: [], data: Float32Array.of(value) });

const parametersOf = ({ variables }: Model) => variables.filter(({ trainable }) => trainable);

interface StudentOptions {
  readonly student: Model;
  readonly optimiser: Optimiser;
  readonly loss?: ApprenticeLossOptions;
  /** Of inner layers; what `prepareHints` makes. Their regressors learn by the student's optimiser. */
  readonly hints?: PreparedHints;
}

/** A network that learns beside the student. */
interface Learner {
  readonly model: Model;
  readonly parameters: readonly Variable[];
  readonly update: ParameterUpdate;
  readonly rate: number;
}

/** The one step of all schemes: where the teacher's logits come from, and whether it learns, is told. */
function compileStep<Taken extends Batch>(
  engine: Engine,
  { student, optimiser, loss = {}, hints }: StudentOptions,
  teacher: {
    readonly logits: (inputs: { readonly [name: string]: Tensor }) => Tensor;
    readonly learner?: Learner;
    /** What a batch brings beside images and labels. */
    readonly brings?: (batch: Taken) => HostTensors;
  },
): TrainingStep<Taken> {
  const settings = checkApprenticeLoss(loss);
  const { learner } = teacher;
  const taught = learner?.parameters ?? [];
  const own = [...parametersOf(student), ...(hints?.variables ?? [])];
  const update = optimiser.forParameters(own);
  const step = engine.compile<HostTensors, Record<string, Tensor>>((inputs) => {
    const { images, labels, learningRate } = inputs;
    const teacherLogits = teacher.logits(inputs);
    const studentLogits = student.forward(images, { training: true });
    const built = withHints(apprenticeLoss({ teacherLogits, studentLogits, labels }, settings), () =>
      hints?.term(studentLogits, teacherLogits),
    );
    const gradients = grad(built.loss, [...taught, ...own]);
    learner?.update.update(gradients.slice(0, taught.length), inputs.teacherLearningRate);
    update.update(gradients.slice(taught.length), learningRate);
    const results = { loss: built.loss, logits: studentLogits, ...built.terms };
    return finish([student, ...(learner ? [learner.model] : [])], results);
  });
  const further = new Map([
    ...(learner ? [["teacher", learner.model.variables] as const] : []),
    ...(learner ? [["teacher-optimiser", learner.update.variables] as const] : []),
    ...(hints && hints.variables.length > 0 ? [["hints", hints.variables] as const] : []),
  ]);
  return {
    modelVariables: student.variables,
    optimiserVariables: update.variables,
    furtherVariables: further,
    async run(batch) {
      const { images, labels, learningRate } = batch;
      const { loss, logits, ...terms } = await step({
        ...{ images, labels, learningRate: scalar(learningRate) },
        ...(learner && { teacherLearningRate: scalar(learningRate * learner.rate) }),
        ...teacher.brings?.(batch),
      });
      const values = Object.entries(terms).map(([name, term]) => [name, term.data[0]]);
      return { loss: loss.data[0], logits, terms: Object.fromEntries(values) };
    },
  };
}

function withHints({ loss, terms }: ApprenticeLoss, build: () => Tensor | undefined) {
  const hints = build();
  return hints ? { loss: add(loss, hints), terms: { ...terms, hints } } : { loss, terms };
}

/** Lets models change what the backward pass of a step reads. */
function finish(models: readonly Model[], outputs: Record<string, Tensor>): Record<string, Tensor> {
  const { loss } = outputs;
  const results = models.reduce((each, model) => model.finishStep?.(each, loss) ?? each, Object.values(outputs));
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, results[i]]));
}

/** A step of a student whose teacher is frozen: what the teacher says comes with the batch. */
export function compileTaughtStep(engine: Engine, options: Omit<StudentOptions, "hints">): TrainingStep<TaughtBatch> {
  return compileStep<TaughtBatch>(engine, options, {
    logits: ({ teacherLogits }) => teacherLogits,
    brings: ({ teacherLogits }) => ({ teacherLogits }),
  });
}

/** A step of a student whose teacher is frozen and computed in the same step: for hints, which read more than its logits. */
export function compileGuidedStep(
  engine: Engine,
  options: StudentOptions & { readonly teacher: Pick<FrozenTeacher, "forward"> },
): TrainingStep {
  return compileStep(engine, options, { logits: ({ images }) => options.teacher.forward(images) });
}

export interface JointStepOptions extends StudentOptions {
  readonly teacher: Model;
  /** The teacher's; as the student's, with a state of its own, where absent. */
  readonly teacherOptimiser?: Optimiser;
  /** The teacher's learning rate as a multiple of the student's; 1 where absent. */
  readonly teacherRate?: number;
}

/** Scheme A: one step for both, each with its optimiser. The teacher goes into parts of the checkpoint of its own. */
export function compileJointStep(engine: Engine, options: JointStepOptions): TrainingStep {
  const { teacher, optimiser, teacherOptimiser = optimiser, teacherRate: rate = 1 } = options;
  const parameters = parametersOf(teacher);
  const learner = { model: teacher, parameters, update: teacherOptimiser.forParameters(parameters), rate };
  return compileStep(engine, options, { logits: ({ images }) => teacher.forward(images, { training: true }), learner });
}
