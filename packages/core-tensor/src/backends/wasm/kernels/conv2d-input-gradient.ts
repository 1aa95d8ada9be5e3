import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { defineKernel, type UnplacedCall, wantsF32 } from "../instruction.js";
import { axes, backwardAxis, type Correlation, correlationPacking, emitCorrelation } from "./correlation.js";
import { eitherKernel } from "./either-kernel.js";
import { emitWinograd, suitsWinograd, type WinogradConvolution, winogradPacking } from "./winograd.js";

function describe({ attributes, inputs: [dy, w], outputs: [dx] }: UnplacedCall): Correlation {
  const window = attributes as Conv2dAttributes;
  const [images, M, Ho, Wo] = dy.shape;
  const [, perGroup, R, S] = w.shape;
  const [, , H, W] = dx.shape;
  const [rows, columns] = axes(backwardAxis, [Ho, Wo], [H, W], [R, S], window);
  const filters = M / window.groups;
  return {
    images,
    groups: window.groups,
    sourceChannels: filters,
    outChannels: perGroup,
    rows,
    columns,
    outSize: [H, W],
    filterRowStride: R * S,
    filterGroupStride: filters * perGroup * R * S,
    filterOffset: (channel, r, s) => (channel * perGroup * R + r) * S + s,
  };
}

/** The convolution kernel over planes of dy, one set of taps for each phase of the stride: assembly/conv2d-f32.ts. */
const directKernel = defineKernel({
  op: "conv2dInputGradient",
  supports: wantsF32,
  packing: correlationPacking(describe, 1),
  emit: (call, places) =>
    emitCorrelation(describe(call), {
      source: places.of(call.inputs[0]),
      packed: places.packed,
      out: places.of(call.outputs[0]),
    }),
  name: () => "conv2d-input-gradient-f32-2x16",
});

/** dy is convolved with the filters turned round and seen from the channels' side, padded by what x was not. */
function describeWinograd({ attributes, inputs: [dy, w], outputs: [dx] }: UnplacedCall): WinogradConvolution {
  const { groups, padding } = attributes as Conv2dAttributes;
  const [M, perGroup] = w.shape;
  return {
    images: dy.shape[0],
    groups,
    sourceChannels: M / groups,
    outChannels: perGroup,
    sourceSize: [dy.shape[2], dy.shape[3]],
    outSize: [dx.shape[2], dx.shape[3]],
    padTop: 2 - padding[0],
    padLeft: 2 - padding[2],
    rowStride: 9,
    channelStride: perGroup * 9,
    groupStride: (M / groups) * perGroup * 9,
    isTurned: true,
  };
}

/** 3 × 3 taps with stride 1: assembly/winograd-f32.ts. */
const winogradKernel = defineKernel({
  op: "conv2dInputGradient",
  packing: winogradPacking(describeWinograd, 1),
  emit: (call, places) =>
    emitWinograd(describeWinograd(call), places.of(call.inputs[0]), places.packed, places.of(call.outputs[0])),
  name: () => "conv2d-input-gradient-f32-winograd-2x2",
});

export const conv2dInputGradientKernel = eitherKernel(
  (call) => suitsWinograd(call.attributes, call.inputs[1].shape),
  winogradKernel,
  directKernel,
);
