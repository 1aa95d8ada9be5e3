import { elementsOf } from "../../../graph/shape.js";
import { CROSS_ENTROPY, CROSS_ENTROPY_GRADIENT, LOG_SOFTMAX, SOFTMAX, SOFTMAX_ROWS } from "../assembly/opcodes.js";
import { defineKernel, type Kernel, roundUp } from "../instruction.js";

const CHUNK_ELEMENTS = 4096;

/** A kernel over rows of logits; which of the inputs are labels and dy, `inputs` tells. */
function rowsKernel(op: string, kind: number): Kernel {
  return defineKernel({
    op,
    emit: ({ inputs: [logits, labels, dy], outputs: [out] }, places) => {
      const K = logits.shape[logits.shape.length - 1];
      const rows = elementsOf(logits.shape) / K;
      const each = Math.max(1, Math.floor(CHUNK_ELEMENTS / K));
      const places3 = [logits, labels ?? logits, dy ?? logits].map(places.of);
      return [
        {
          opcode: SOFTMAX_ROWS,
          chunks: Math.ceil(rows / each),
          words: [...places3, places.of(out), rows, K, kind, each],
          scratchBytes: 2 * roundUp(K, 4) * 4,
        },
      ];
    },
    name: () => `${op}-f32`,
  });
}

export const softmaxKernel = rowsKernel("softmax", SOFTMAX);
export const logSoftmaxKernel = rowsKernel("logSoftmax", LOG_SOFTMAX);
export const crossEntropyKernel = rowsKernel("crossEntropy", CROSS_ENTROPY);
export const crossEntropyGradientKernel = rowsKernel("crossEntropyGradient", CROSS_ENTROPY_GRADIENT);
