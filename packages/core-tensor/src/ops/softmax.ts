import { defineOp, type Op, type Values } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { DtypeError, ShapeError } from "../graph/errors.js";
import type { Shape } from "../graph/shape.js";
import { constantOf } from "../graph/sources.js";
import { multiply, subtract } from "./arithmetic.js";
import { reshape } from "./shape-ops.js";
import { broadcastTo, sum } from "./sum.js";
import { exp } from "./unary.js";

function rows(op: string, [x]: readonly Shape[]): Shape {
  if (x.length < 1 || x[x.length - 1] === 0)
    throw new ShapeError({ op, want: "a last axis that is not empty", got: { x } });
  return x;
}

/** For each row along the last axis: its start, its maximum, and log Σ exp(x − maximum); their sum would lose digits. */
function forEachRow(x: Values, each: (from: number, largest: number, logSum: number) => void): void {
  const K = x.shape[x.shape.length - 1];
  for (let from = 0; from < x.data.length; from += K) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < K; k++) largest = Math.max(largest, x.data[from + k]);
    let total = 0;
    for (let k = 0; k < K; k++) total += Math.exp(x.data[from + k] - largest);
    each(from, largest, Math.log(total));
  }
}

/** x − log Σ exp(x) along the last axis. Gradient: dy − softmax(x) · Σ dy. */
export const logSoftmax: Op<1> = defineOp({
  name: "logSoftmax",
  arity: 1,
  shape: (shapes) => rows("logSoftmax", shapes),
  gradient: (dy, _, { output }) => [subtract(dy, multiply(exp(output), sum(dy, { axes: [-1], keepDims: true })))],
  reference: (out, [x]) => {
    const K = x.shape[x.shape.length - 1];
    forEachRow(x, (from, largest, logSum) => {
      for (let k = 0; k < K; k++) out.data[from + k] = x.data[from + k] - largest - logSum;
    });
  },
  examples: [{ shapes: [[3, 5]] }, { shapes: [[4]] }],
});

/** exp(x) / Σ exp(x) along the last axis. Gradient: p · (dy − Σ p · dy). */
export const softmax: Op<1> = defineOp({
  name: "softmax",
  arity: 1,
  shape: (shapes) => rows("softmax", shapes),
  gradient: (dy, _, { output }) => [
    multiply(output, subtract(dy, sum(multiply(output, dy), { axes: [-1], keepDims: true }))),
  ],
  reference: (out, [x]) => {
    const K = x.shape[x.shape.length - 1];
    forEachRow(x, (from, largest, logSum) => {
      for (let k = 0; k < K; k++) out.data[from + k] = Math.exp(x.data[from + k] - largest - logSum);
    });
  },
  examples: [{ shapes: [[3, 5]] }],
});

function labelled(op: string, logits: Shape, labels: Shape): void {
  if (logits.length === 2 && labels.length === 1 && logits[0] === labels[0] && logits[1] > 0) return;
  throw new ShapeError({ op, want: "logits [N, K] and labels [N]", got: { logits, labels } });
}

function labelledDtype(op: string) {
  return ([logits, labels, dy]: readonly Dtype[]): Dtype => {
    if (logits === "f32" && labels === "i32" && (dy === undefined || dy === "f32")) return "f32";
    throw new DtypeError({ op, want: "logits f32 and labels i32", got: { logits, labels } });
  };
}

/**
 * Cross-entropy of each row against its label: log Σ exp(logits) − logits[label]; NaN where a label is no class.
 *
 * Shapes    logits [N, K] f32, labels [N] i32 → [N]
 * Gradient  (softmax(logits) − one-hot(label)) · dy
 */
export const crossEntropy: Op<2> = defineOp({
  name: "crossEntropy",
  arity: 2,
  shape: ([logits, labels]) => {
    labelled("crossEntropy", logits, labels);
    return labels;
  },
  dtype: labelledDtype("crossEntropy"),
  gradient: (dy, [logits, labels]) => [crossEntropyGradient(logits, labels, dy), null],
  reference: (out, [logits, labels]) => {
    const K = logits.shape[1];
    forEachRow(logits, (from, largest, logSum) => {
      const label = labels.data[from / K];
      out.data[from / K] = label >= 0 && label < K ? logSum - (logits.data[from + label] - largest) : Number.NaN;
    });
  },
  examples: [{ shapes: [[3, 5], [3]], dtypes: ["f32", "i32"] }],
});

/** crossEntropy backwards: logits [N, K], labels [N], dy [N] → [N, K]. Second derivatives through softmax. */
export const crossEntropyGradient: Op<3> = defineOp({
  name: "crossEntropyGradient",
  arity: 3,
  shape: ([logits, labels, dy]) => {
    labelled("crossEntropyGradient", logits, labels);
    labelled("crossEntropyGradient", logits, dy);
    return logits;
  },
  dtype: labelledDtype("crossEntropyGradient"),
  gradient: (dz, [logits, labels, dy]) => {
    const probabilities = softmax(logits);
    const column = reshape(dy, { shape: [dy.shape[0], 1] });
    const inner = sum(multiply(probabilities, dz), { axes: [1], keepDims: true });
    return [
      multiply(column, multiply(probabilities, subtract(dz, inner))),
      null,
      sum(multiply(dz, crossEntropyGradient(logits, labels, broadcastTo(constantOf(1), { shape: dy.shape }))), {
        axes: [1],
      }),
    ];
  },
  reference: (out, [logits, labels, dy]) => {
    const K = logits.shape[1];
    forEachRow(logits, (from, largest, logSum) => {
      const row = from / K;
      const known = labels.data[row] >= 0 && labels.data[row] < K ? 1 : Number.NaN;
      for (let k = 0; k < K; k++) {
        const hit = labels.data[row] === k ? 1 : 0;
        out.data[from + k] = (Math.exp(logits.data[from + k] - largest - logSum) - hit) * dy.data[row] * known;
      }
    });
  },
  examples: [{ shapes: [[3, 5], [3], [3]], dtypes: ["f32", "i32", "f32"] }],
});
