import type { Kernel, UnplacedCall } from "./instruction.js";
import {
  batchMomentsKernel,
  batchNormaliseGradientKernel,
  batchNormaliseGradientSumsKernel,
  batchNormaliseKernel,
} from "./kernels/batch-norm.js";
import { conv2dKernel } from "./kernels/conv2d.js";
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
  ...[conv2dKernel, conv2dInputGradientKernel, conv2dWeightGradientKernel],
  ...[batchMomentsKernel, batchNormaliseKernel, batchNormaliseGradientSumsKernel, batchNormaliseGradientKernel],
  ...[sumKernel, meanKernel, maxKernel, argmaxKernel],
  ...[softmaxKernel, logSoftmaxKernel, crossEntropyKernel, crossEntropyGradientKernel],
  ...[maxPool2dKernel, maxPool2dGradientKernel, averagePool2dKernel, averagePool2dGradientKernel],
  ...[transposeKernel, sliceKernel, zeroPadKernel, concatKernel, broadcastToKernel, gatherKernel, gatherGradientKernel],
  ...[packCodesKernel, unpackCodesKernel],
];

/** Every kernel of this backend, by the operation that it computes. */
const kernels: ReadonlyMap<string, Kernel> = new Map(all.map((kernel) => [kernel.op, kernel]));

/** What decides between kernels beside the call itself. */
export interface KernelOptions {
  /** conv2d may take Winograd's way. */
  readonly winograd: boolean;
  /** The kernel of conv2dCodes for the dot products that this engine has. */
  readonly codesKernel: Kernel;
}

function kernelOf(call: UnplacedCall, { winograd, codesKernel }: KernelOptions): Kernel | undefined {
  if (winograd && call.op.name === winogradConv2dKernel.op && winogradConv2dKernel.supports(call) === true) {
    return winogradConv2dKernel;
  }
  return call.op.name === codesKernel.op ? codesKernel : kernels.get(call.op.name);
}

/** The kernel for a call, or why the reference computes it. */
export function chooseKernel(call: UnplacedCall, options: KernelOptions): { kernel?: Kernel; reason: string } {
  const kernel = kernelOf(call, options);
  if (!kernel) return { reason: `wasm has no kernel for ${call.op.name}` };
  const answer = kernel.supports(call);
  if (answer !== true) return { reason: answer };
  return { kernel, reason: kernel.reason?.(call) ?? "the wasm kernel of the operation" };
}
