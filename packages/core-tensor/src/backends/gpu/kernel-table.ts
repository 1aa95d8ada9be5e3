import type { GpuCall, GpuKernel } from "./gpu-kernel.js";
import type { GpuMode } from "./gpu-mode.js";
import { batchNormaliseKernel } from "./kernels/batch-norm.js";
import { conv2dKernel } from "./kernels/conv2d.js";
import { conv2dCodesKernel } from "./kernels/conv2d-codes.js";
import { fusedElementwiseKernel } from "./kernels/fused-elementwise.js";
import { matmulKernel } from "./kernels/matmul.js";
import { packCodesKernel, unpackCodesKernel } from "./kernels/pack-codes.js";
import { averagePool2dKernel, maxPool2dKernel } from "./kernels/pool.js";
import { argmaxKernel, maxKernel, meanKernel, sumKernel } from "./kernels/reduce.js";
import { logSoftmaxKernel, softmaxKernel } from "./kernels/softmax.js";
import {
  broadcastToKernel,
  concatKernel,
  gatherKernel,
  sliceKernel,
  transposeKernel,
  zeroPadKernel,
} from "./kernels/strided-copy.js";

const all: readonly GpuKernel[] = [
  ...[fusedElementwiseKernel, matmulKernel, conv2dKernel, conv2dCodesKernel, packCodesKernel, unpackCodesKernel],
  ...[maxPool2dKernel, averagePool2dKernel, batchNormaliseKernel],
  ...[sumKernel, meanKernel, maxKernel, argmaxKernel, softmaxKernel, logSoftmaxKernel],
  ...[transposeKernel, sliceKernel, zeroPadKernel, broadcastToKernel, concatKernel, gatherKernel],
];

/** Every kernel of this backend, by the operation that it computes. */
const kernels: ReadonlyMap<string, GpuKernel> = new Map(all.map((kernel) => [kernel.op, kernel]));

/** The kernel for a call, or why the reference computes it. */
export function chooseGpuKernel(call: GpuCall, mode: GpuMode): { kernel?: GpuKernel; reason: string } {
  const kernel = kernels.get(call.op.name);
  if (!kernel) return { reason: `gpu has no kernel for ${call.op.name}` };
  const answer = kernel.supports(call, mode);
  if (answer !== true) return { reason: answer };
  return { kernel, reason: kernel.reason?.(call, mode) ?? "the gpu kernel of the operation" };
}
