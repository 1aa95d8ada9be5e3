import type { Kernel, UnplacedCall } from "./instruction.js";
import {
  batchMomentsKernel,
  batchNormaliseGradientKernel,
  batchNormaliseGradientSumsKernel,
  batchNormaliseKernel,
} from "./kernels/batch-norm.js";
import { conv2dKernel } from "./kernels/conv2d.js";
import { conv2dCodesKernel } from "./kernels/conv2d-codes.js";
import { conv2dInputGradientKernel } from "./kernels/conv2d-input-gradient.js";
import { conv2dWeightGradientKernel } from "./kernels/conv2d-weight-gradient.js";
import { castKernel, fusedElementwiseKernel } from "./kernels/fused-elementwise.js";
import { matmulKernel } from "./kernels/matmul.js";
import { packCodesKernel, unpackCodesKernel } from "./kernels/pack-codes.js";
import {
  averagePool2dGradientKernel,
  averagePool2dKernel,
  maxPool2dGradientKernel,
  maxPool2dKernel,
} from "./kernels/pool.js";
import { argmaxKernel, maxKernel, meanKernel, sumKernel } from "./kernels/reduce.js";
import { crossEntropyGradientKernel, crossEntropyKernel, logSoftmaxKernel, softmaxKernel } from "./kernels/softmax.js";
import {
  broadcastToKernel,
  concatKernel,
  gatherGradientKernel,
  gatherKernel,
  sliceKernel,
  transposeKernel,
  zeroPadKernel,
} from "./kernels/strided-copy.js";
import { winogradConv2dKernel } from "./kernels/winograd-conv2d.js";

const all: readonly Kernel[] = [
  ...[fusedElementwiseKernel, castKernel, matmulKernel],
  ...[conv2dKernel, conv2dInputGradientKernel, conv2dWeightGradientKernel, conv2dCodesKernel],
  ...[batchMomentsKernel, batchNormaliseKernel, batchNormaliseGradientSumsKernel, batchNormaliseGradientKernel],
  ...[sumKernel, meanKernel, maxKernel, argmaxKernel],
  ...[softmaxKernel, logSoftmaxKernel, crossEntropyKernel, crossEntropyGradientKernel],
  ...[maxPool2dKernel, maxPool2dGradientKernel, averagePool2dKernel, averagePool2dGradientKernel],
  ...[transposeKernel, sliceKernel, zeroPadKernel, concatKernel, broadcastToKernel, gatherKernel, gatherGradientKernel],
  ...[packCodesKernel, unpackCodesKernel],
];

/** Every kernel of this backend, by the operation that it computes. */
const kernels: ReadonlyMap<string, Kernel> = new Map(all.map((kernel) => [kernel.op, kernel]));

/** The kernel for a call, or why the reference computes it. `winograd` only for inference, where it was asked for. */
export function chooseKernel(call: UnplacedCall, winograd: boolean): { kernel?: Kernel; reason: string } {
  if (winograd && call.op.name === winogradConv2dKernel.op && winogradConv2dKernel.supports(call) === true) {
    return { kernel: winogradConv2dKernel, reason: "winograd was asked for, and nothing is trained: rounding grows" };
  }
  const kernel = kernels.get(call.op.name);
  if (!kernel) return { reason: `wasm has no kernel for ${call.op.name}` };
  const answer = kernel.supports(call);
  return answer === true ? { kernel, reason: "the wasm kernel of the operation" } : { reason: answer };
}
