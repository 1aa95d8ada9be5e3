import {
  ArgumentError,
  add,
  crossEntropy,
  divide,
  logSoftmax,
  mean,
  multiply,
  negate,
  ShapeError,
  softmax,
  square,
  stopGradient,
  subtract,
  sum,
  type Tensor,
} from "@lowbit/core-tensor";

/** What the third term compares: softened distributions, by cross-entropy or by divergence, or the logits themselves. */
export type DistillationForm = "cross-entropy" | "kl" | "mse";

export const distillationForms: readonly DistillationForm[] = ["cross-entropy", "kl", "mse"];

export interface ApprenticeLossOptions {
  /** Weight of the teacher's own loss; 1 where absent. A frozen teacher doesn't learn from it. */
  readonly alpha?: number;
  /** Weight of the labels; 0.5 where absent. */
  readonly beta?: number;
  /** Weight of the teacher's word; 0.5 where absent. */
  readonly gamma?: number;
  /** τ, by which logits are divided before softmax; 1, the paper's choice, where absent. */
  readonly temperature?: number;
  /** "cross-entropy" where absent. */
  readonly form?: DistillationForm;
}

/** The loss, [] f32, and its terms before they are weighted, each [] f32. */
export interface ApprenticeLoss {
  readonly loss: Tensor;
  readonly terms: {
    /** H(y, p_T) */
    readonly teacher: Tensor;
    /** H(y, p_A) */
    readonly apprentice: Tensor;
    /** H(z_T, p_A), in the form that was asked for. */
    readonly distillation: Tensor;
  };
}

/** @throws {ArgumentError} names the option that makes no sense */
export function checkApprenticeLoss(options: ApprenticeLossOptions): Required<ApprenticeLossOptions> {
  const { alpha = 1, beta = 0.5, gamma = 0.5, temperature = 1, form = "cross-entropy" } = options;
  const refuse = (where: string, got: unknown, want: string): never => {
    throw new ArgumentError(`the apprentice's loss can't have ${where} ${got}`, { where, want, got });
  };
  for (const [name, weight] of Object.entries({ alpha, beta, gamma })) {
    if (!(Number.isFinite(weight) && weight >= 0)) refuse(name, weight, "a number from 0");
  }
  if (beta + gamma === 0) refuse("beta", 0, "beta or gamma above 0, or the apprentice learns nothing");
  if (!(Number.isFinite(temperature) && temperature > 0)) refuse("temperature", temperature, "a number above 0");
  if (!distillationForms.includes(form)) refuse("form", form, distillationForms.join(", "));
  return { alpha, beta, gamma, temperature, form };
}

/**
 * L = α·H(y, p_T) + β·H(y, p_A) + γ·H(z_T, p_A), each term averaged over the batch.
 *
 * The third term, with p = softmax(z / τ): "cross-entropy" is −τ²·Σ p_T · log p_A; "kl" is τ²·Σ p_T · (log p_T − log p_A), of
 * the same gradient and 0 where both agree; "mse" is the mean over the classes of (z_T − z_A)², without a temperature. τ² keeps
 * its gradient as large as that of the labels, whatever τ. No gradient flows from it into the teacher: z_T is a target there.
 *
 * Shapes  teacherLogits and studentLogits [N, K] f32, labels [N] i32
 * Source: Mishra and Marr, "Apprentice", arXiv 1711.05852, eq. 1; τ² from Hinton et al., arXiv 1503.02531, section 2. The paper
 * doesn't say whether a teacher that learns takes a gradient from the third term; it takes none here.
 *
 * @throws {ArgumentError} for a weight or a temperature that makes no sense
 * @throws {ShapeError} where teacher and student disagree about batch or classes
 */
export function apprenticeLoss(
  { teacherLogits, studentLogits, labels }: Record<"teacherLogits" | "studentLogits" | "labels", Tensor>,
  options: ApprenticeLossOptions = {},
): ApprenticeLoss {
  const { alpha, beta, gamma, temperature, form } = checkApprenticeLoss(options);
  if (teacherLogits.shape.join() !== studentLogits.shape.join()) {
    const got = { teacherLogits: teacherLogits.shape, studentLogits: studentLogits.shape };
    throw new ShapeError({ op: "apprenticeLoss", want: "logits [N, K] of the same classes", got });
  }
  const target = stopGradient(teacherLogits);
  const terms = {
    teacher: mean(crossEntropy(teacherLogits, labels)),
    apprentice: mean(crossEntropy(studentLogits, labels)),
    distillation: forms[form](target, studentLogits, temperature),
  };
  const own = add(multiply(terms.apprentice, beta), multiply(terms.distillation, gamma));
  return { loss: add(multiply(terms.teacher, alpha), own), terms };
}

type Term = (target: Tensor, logits: Tensor, temperature: number) => Tensor;

const forms: Record<DistillationForm, Term> = {
  "cross-entropy": (target, logits, temperature) =>
    expectation(target, temperature, negate(logSoftmax(divide(logits, temperature)))),
  kl: (target, logits, temperature) => {
    const [own, taught] = [logits, target].map((each) => logSoftmax(divide(each, temperature)));
    return expectation(target, temperature, subtract(taught, own));
  },
  mse: (target, logits) => mean(square(subtract(target, logits))),
};

/** τ² · Σ softmax(target / τ) · values over the classes, averaged over the batch. */
function expectation(target: Tensor, temperature: number, values: Tensor): Tensor {
  const products = multiply(softmax(divide(target, temperature)), values);
  return multiply(mean(sum(products, { axes: [-1] })), temperature ** 2);
}
