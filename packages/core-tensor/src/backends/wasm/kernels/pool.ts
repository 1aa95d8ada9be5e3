import type { Buffer } from "../../../plan/program.js";
import {
  AVERAGE_POOL,
  AVERAGE_POOL_GRADIENT,
  MAX_POOL_F32,
  MAX_POOL_GRADIENT,
  MAX_POOL_U8,
} from "../assembly/opcodes.js";
import { defineKernel, type Instruction, type Places, type UnplacedCall } from "../instruction.js";

const CHUNK_ELEMENTS = 8192;

/** One instruction over planes: `image` is the side with [H, W], `pooled` the one with [Ho, Wo]. */
function emitPool(
  opcode: number,
  { attributes: { window, stride, padding, countPadding } }: UnplacedCall,
  places: Places,
  { first, second, out, image, pooled }: { first: Buffer; second: Buffer; out: Buffer; image: Buffer; pooled: Buffer },
): Instruction[] {
  const [N, C, H, W] = image.shape;
  const [, , Ho, Wo] = pooled.shape;
  const each = Math.max(1, Math.floor(CHUNK_ELEMENTS / Math.max(1, H * W)));
  const words = [
    ...[places.of(first), places.of(second), places.of(out), N * C, H, W, Ho, Wo],
    ...[window[0], window[1], stride[0], stride[1], padding[0], padding[2], countPadding ? 1 : 0, each],
  ];
  const paddedRow = padding[2] + Math.max(W, (Wo - 1) * stride[1] + window[1]);
  return [{ opcode, chunks: Math.ceil((N * C) / each), words, scratchBytes: paddedRow * 4 + 64 }];
}

/** The kernels know no dilation. */
const isUndilated = ({ attributes: { dilation } }: UnplacedCall): true | string =>
  !dilation || (dilation[0] === 1 && dilation[1] === 1) || "the kernel knows no dilated windows";

export const maxPool2dKernel = defineKernel({
  op: "maxPool2d",
  supports: isUndilated,
  emit: (call, places) => {
    const {
      inputs: [x],
      outputs: [out],
    } = call;
    return emitPool(x.dtype === "u8" ? MAX_POOL_U8 : MAX_POOL_F32, call, places, {
      first: x,
      second: x,
      out,
      image: x,
      pooled: out,
    });
  },
  name: ({ inputs: [x] }) => `max-pool-${x.dtype}`,
});

export const maxPool2dGradientKernel = defineKernel({
  op: "maxPool2dGradient",
  supports: isUndilated,
  emit: (call, places) => {
    const {
      inputs: [dy, x],
      outputs: [out],
    } = call;
    return emitPool(MAX_POOL_GRADIENT, call, places, { first: dy, second: x, out, image: x, pooled: dy });
  },
  name: () => "max-pool-gradient-f32",
});

export const averagePool2dKernel = defineKernel({
  op: "averagePool2d",
  supports: isUndilated,
  emit: (call, places) => {
    const {
      inputs: [x],
      outputs: [out],
    } = call;
    return emitPool(AVERAGE_POOL, call, places, { first: x, second: x, out, image: x, pooled: out });
  },
  name: () => "average-pool-f32",
});

export const averagePool2dGradientKernel = defineKernel({
  op: "averagePool2dGradient",
  supports: isUndilated,
  emit: (call, places) => {
    const {
      inputs: [dy],
      outputs: [out],
    } = call;
    return emitPool(AVERAGE_POOL_GRADIENT, call, places, { first: dy, second: dy, out, image: out, pooled: dy });
  },
  name: () => "average-pool-gradient-f32",
});
