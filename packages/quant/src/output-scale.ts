import { conv2d, multiply, type Tensor } from "@lowbit/core-tensor";
import type { LayerWindow } from "./define-quantizer.js";
import type { BoundQuantizer } from "./grid.js";
import { quantizeEdge } from "./quantize-edge.js";

/** How a layer goes over its input; undefined for a matrix product. */
export function windowOf(node: Tensor): LayerWindow | undefined {
  if (node.op !== conv2d.declaration) return undefined;
  const [, , R, S] = node.inputs[1].shape;
  const { stride, padding } = node.attributes;
  return { window: [R, S], stride, padding };
}

/** A layer's output times what its input's quantizer wants beside the scales: of the values as the layer would read them. */
export function withOutputScale(node: Tensor, edge: Tensor, bound: BoundQuantizer | undefined, output: Tensor): Tensor {
  if (!bound?.quantizer.outputScale) return output;
  const read = quantizeEdge(edge, bound, (values) => values);
  const scale = bound.quantizer.outputScale(read, bound.options, windowOf(node));
  return scale ? multiply(output, scale) : output;
}
