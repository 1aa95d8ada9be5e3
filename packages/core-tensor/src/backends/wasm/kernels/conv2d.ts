import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { defineKernel, type Kernel, type UnplacedCall, wantsF32 } from "../instruction.js";
import { axes, type Correlation, correlationPacking, emitCorrelation, forwardAxis } from "./correlation.js";
import { eitherKernel } from "./either-kernel.js";
import { emitWinograd, suitsWinograd, type WinogradConvolution, winogradPacking } from "./winograd.js";

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

/** Shifted runs of padded planes, tiles of 2 × 16 pixels: assembly/conv2d-f32.ts. */
export const directConv2dKernel: Kernel = defineKernel({
  op: "conv2d",
  supports: wantsF32,
  packing: correlationPacking(describeConv2d, 1),
  emit: (call, places) =>
    emitCorrelation(describeConv2d(call), {
      source: places.of(call.inputs[0]),
      packed: places.packed,
      out: places.of(call.outputs[0]),
    }),
  name: () => "conv2d-f32-2x16",
});

function describeWinograd({ attributes, inputs: [x, w], outputs: [y] }: UnplacedCall): WinogradConvolution {
  const { groups, padding } = attributes as Conv2dAttributes;
  const [M, perGroup] = w.shape;
  return {
    images: x.shape[0],
    groups,
    sourceChannels: perGroup,
    outChannels: M / groups,
    sourceSize: [x.shape[2], x.shape[3]],
    outSize: [y.shape[2], y.shape[3]],
    padTop: padding[0],
    padLeft: padding[2],
    rowStride: perGroup * 9,
    channelStride: 9,
    groupStride: (M / groups) * perGroup * 9,
    isTurned: false,
  };
}

/** 3 × 3 taps with stride 1: assembly/winograd-f32.ts. */
const winogradConv2dKernel = defineKernel({
  op: "conv2d",
  packing: winogradPacking(describeWinograd, 1),
  emit: (call, places) =>
    emitWinograd(describeWinograd(call), places.of(call.inputs[0]), places.packed, places.of(call.outputs[0])),
  name: () => "conv2d-f32-winograd-2x2",
});

export const conv2dKernel = eitherKernel(
  (call) => suitsWinograd(call.attributes, call.inputs[1].shape),
  winogradConv2dKernel,
  directConv2dKernel,
);
