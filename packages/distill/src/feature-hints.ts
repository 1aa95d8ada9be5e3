import {
  add,
  ConfigurationError,
  divide,
  input,
  mean,
  multiply,
  reshape,
  type Shape,
  sqrt,
  square,
  stopGradient,
  subtract,
  sum,
  type Tensor,
  topologicalOrder,
  type Variable,
} from "@lowbit/core-tensor";
import { conv2dLayer, didYouMean, type Layer, type Model } from "@lowbit/nn";

/**
 * What a hint compares. "attention": where the maps are strong, positions [H, W] of Σ_c A_c², each image's scaled to length 1; the
 * channels may differ. "fitnets": the maps themselves, the student's through a learned 1×1 convolution to the teacher's channels.
 */
export type HintForm = "attention" | "fitnets";

export const hintForms: readonly HintForm[] = ["attention", "fitnets"];

/** A place in the student that is to resemble one in the teacher. */
export interface FeatureHint {
  readonly form: HintForm;
  /** The layer whose output is meant, as the graph names it: "stage2.block0". */
  readonly student: string;
  readonly teacher: string;
  /** 1 where absent. */
  readonly weight?: number;
}

/** Hints whose places were found. */
export interface PreparedHints {
  /** Of the regressors: they learn with the student, and are no part of it. */
  readonly variables: readonly Variable[];
  /** Σ weight · hint, [] f32, from the logits of both networks for the same images. No gradient flows into the teacher. */
  term(studentLogits: Tensor, teacherLogits: Tensor): Tensor;
}

/** What a layer gives out: the last of its nodes, where no other of its own comes after. */
function featureOf(logits: Tensor, layer: string, whose: string): Tensor {
  const order = topologicalOrder([logits]);
  const isOwn = (node: Tensor) => node.layer === layer || node.layer.startsWith(`${layer}.`);
  const found = order.findLast(isOwn);
  if (found) return found;
  const names = [...new Set(order.map((node) => node.layer).filter((name) => name !== ""))];
  const near = didYouMean(layer, names);
  throw new ConfigurationError(`the ${whose} has no layer "${layer}"`, {
    where: "hints",
    want: names.join(", "),
    got: layer,
    hint: near && `did you mean "${near}"?`,
  });
}

/** [N, C, H, W] → [N, H · W], each row of length 1; a row of zeros stays one. */
function attentionOf(maps: Tensor): Tensor {
  const [N, , H, W] = maps.shape;
  const strength = reshape(sum(square(maps), { axes: [1] }), { shape: [N, H * W] });
  const length = sqrt(add(sum(square(strength), { axes: [1], keepDims: true }), 1e-12));
  return divide(strength, length);
}

/** Finds a hint's place in the graphs of both networks, and makes its regressor. */
function prepareHint(
  { form, student, teacher, weight = 1 }: FeatureHint,
  logits: { readonly student: Tensor; readonly teacher: Tensor },
  { index, seed }: { readonly index: number; readonly seed: number },
): PreparedHints {
  if (!(Number.isFinite(weight) && weight > 0)) {
    throw new ConfigurationError(`a hint can't have the weight ${weight}`, {
      where: "hints",
      want: "a number above 0",
    });
  }
  const [own, taught] = [featureOf(logits.student, student, "student"), featureOf(logits.teacher, teacher, "teacher")];
  checkMaps(student, own.shape, teacher, taught.shape);
  const name = `hint${index + 1}.regressor`;
  const channels = { inChannels: own.shape[1], outChannels: taught.shape[1] };
  const regressor: Layer | undefined =
    form === "fitnets" ? conv2dLayer({ name, ...channels, window: 1, bias: true, seed }) : undefined;
  return {
    variables: regressor?.variables ?? [],
    term: (studentLogits, teacherLogits) => {
      const maps = featureOf(studentLogits, student, "student");
      const target = stopGradient(featureOf(teacherLogits, teacher, "teacher"));
      const distance = regressor
        ? multiply(mean(square(subtract(target, regressor.forward(maps, { training: true })))), 0.5)
        : mean(square(subtract(attentionOf(target), attentionOf(maps))));
      return multiply(distance, weight);
    },
  };
}

function checkMaps(student: string, own: Shape, teacher: string, taught: Shape): void {
  const isFit = own.length === 4 && taught.length === 4 && own[2] === taught[2] && own[3] === taught[3];
  if (isFit) return;
  throw new ConfigurationError(
    `a hint can't compare "${student}" of the student, [${own.join(", ")}], with "${teacher}" of the teacher, [${taught.join(", ")}]`,
    { where: "hints", want: "maps [N, C, H, W] of the same height and width" },
  );
}

/**
 * Hints from the teacher's inner layers, which are found in the graphs by name: no model is edited for it.
 *
 *   attention  mean over images and positions of (q_S − q_T)², q = Q / ‖Q‖₂ with Q = Σ_c A_c²
 *   fitnets    mean over all values of ½ · (r(A_S) − A_T)², r a 1×1 convolution with a bias
 *
 * Source: Zagoruyko and Komodakis, arXiv 1612.03928, eq. 2, with the mean of the authors' code in place of the sum; Romero et al.,
 * arXiv 1412.6550, eq. 3, as one term of the loss and not a stage of its own
 *
 * @param networks.teacher  images → the teacher's logits
 * @throws {ConfigurationError} for a layer that isn't there, with the nearest that is, and for maps that can't be compared
 */
export function prepareHints(
  hints: readonly FeatureHint[],
  networks: { readonly student: Model; readonly teacher: (images: Tensor) => Tensor; readonly seed?: number },
): PreparedHints {
  const { student, teacher, seed = 0 } = networks;
  const images = input("images", [1, ...student.inputShape]);
  const logits = { student: student.forward(images, { training: false }), teacher: teacher(images) };
  const prepared = hints.map((hint, index) => prepareHint(hint, logits, { index, seed }));
  return {
    variables: prepared.flatMap(({ variables }) => variables),
    term: (own, taught) => prepared.map(({ term }) => term(own, taught)).reduce((total, term) => add(total, term)),
  };
}
