import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { defineKernel, type UnplacedCall, wantsF32 } from "../instruction.js";
import { axes, backwardAxis, type Correlation, correlationPacking, emitCorrelation } from "./correlation.js";

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
export const conv2dInputGradientKernel = defineKernel({
  op: "conv2dInputGradient",
  supports: wantsF32,
  packing: correlationPacking(describe, 1),
  emit: (call, places) =>
    emitCorrelation(describe(call), {
      source: places.of(call.inputs[0]),
      packed: places.packed,
      out: places.of(call.outputs[0]),
    }),
  name: () => "conv2d-input-gradient-f32-direct",
});
