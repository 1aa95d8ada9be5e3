import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { defineKernel, type Kernel, type UnplacedCall, wantsF32 } from "../instruction.js";
import { axes, type Correlation, correlationPacking, emitCorrelation, forwardAxis } from "./correlation.js";

export function describeConv2d({ attributes, inputs: [x, w], outputs: [y] }: UnplacedCall): Correlation {
  const window = attributes as Conv2dAttributes;
  const [images, , H, W] = x.shape;
  const [M, perGroup, R, S] = w.shape;
  const [, , Ho, Wo] = y.shape;
  const [rows, columns] = axes(forwardAxis, [H, W], [Ho, Wo], [R, S], window);
  const K = perGroup * R * S;
  return {
    images,
    groups: window.groups,
    sourceChannels: perGroup,
    outChannels: M / window.groups,
    rows,
    columns,
    outSize: [Ho, Wo],
    filterRowStride: K,
    filterGroupStride: (M / window.groups) * K,
    filterOffset: (channel, r, s) => (channel * R + r) * S + s,
  };
}

/** Shifted runs of padded planes, tiles of 2 × 16 pixels, or 6 × 8 where multiply-adds are fused: assembly/conv2d-f32.ts. */
export const conv2dKernel: Kernel = defineKernel({
  op: "conv2d",
  supports: wantsF32,
  packing: correlationPacking(describeConv2d, 1),
  emit: (call, places) =>
    emitCorrelation(describeConv2d(call), {
      source: places.of(call.inputs[0]),
      packed: places.packed,
      out: places.of(call.outputs[0]),
    }),
  name: () => "conv2d-f32-direct",
  reason: () => "values in f32: filters meet shifted runs of padded planes, without im2col",
});
