import { type HostTensor, NonFiniteError, ShapeError } from "@lowbit/core-tensor";

/** What one batch of logits is worth. Sums, so that batches of any size add up exactly as their images do. */
export interface Score {
  readonly images: number;
  /** Images whose label has the largest logit; among equals the first counts as larger. */
  readonly top1: number;
  /** Images whose label is among the five largest. */
  readonly top5: number;
  /** Σ of the cross-entropies, in float64 and in the order of the images. */
  readonly loss: number;
}

export const noScore: Score = { images: 0, top1: 0, top5: 0, loss: 0 };

/** How many classes come before `label`: larger logits, and equal ones with a smaller number. */
export function rankOfLabel(logits: ArrayLike<number>, label: number): number {
  let rank = 0;
  for (let k = 0; k < logits.length; k++) {
    if (logits[k] > logits[label] || (logits[k] === logits[label] && k < label)) rank++;
  }
  return rank;
}

function crossEntropyOf(logits: ArrayLike<number>, label: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < logits.length; k++) largest = Math.max(largest, logits[k]);
  let total = 0;
  for (let k = 0; k < logits.length; k++) total += Math.exp(logits[k] - largest);
  return largest + Math.log(total) - logits[label];
}

/**
 * Scores logits [N, K] against labels [N], and adds to what came before: image by image, so that the size of batches does
 * not show in the last bits of the loss.
 *
 * @throws {NonFiniteError} where a logit is NaN or infinite: an accuracy over those would mean nothing
 * @throws {ShapeError} where shapes do not go together, or a label is no class
 */
export function scoreLogits(logits: HostTensor, labels: HostTensor, before: Score = noScore): Score {
  const [N, K] = logits.shape;
  if (logits.shape.length !== 2 || labels.shape.length !== 1 || labels.shape[0] !== N) {
    const got = { logits: logits.shape, labels: labels.shape };
    throw new ShapeError({ op: "scoreLogits", want: "logits [N, K] and labels [N]", got });
  }
  let { top1, top5, loss } = before;
  for (let n = 0; n < N; n++) {
    const row = logits.data.subarray(n * K, (n + 1) * K);
    const label = labels.data[n];
    if (!(label >= 0 && label < K)) {
      throw new ShapeError({ op: "scoreLogits", want: `labels from 0 to ${K - 1}`, got: { label: [label] } });
    }
    if (!row.every(Number.isFinite)) {
      throw new NonFiniteError("a logit is NaN or infinite", {
        where: `image ${n} of the batch`,
        want: "finite logits",
      });
    }
    const rank = rankOfLabel(row, label);
    if (rank < 1) top1++;
    if (rank < 5) top5++;
    loss += crossEntropyOf(row, label);
  }
  return { images: before.images + N, top1, top5, loss };
}
