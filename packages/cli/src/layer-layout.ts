import { ArgumentError, type Tensor } from "@lowbit/core-tensor";
import type { CountedNode } from "@lowbit/wrpn";

type LayerNode = Pick<CountedNode, "node" | "weight">;

/** As core-tensor keeps them, padding as top, bottom, left, right. */
interface ConvolutionAttributes {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** What a layer multiplies by its weights. */
export const dataOf = ({ node, weight }: LayerNode): Tensor => node.inputs.find((each) => each !== weight) as Tensor;

/**
 * A layer's sizes as the simulator takes them. It pads both sides alike: what one side is padded more than the other counts as a part
 * of the image.
 */
export function sizesOf(layer: LayerNode, name: string): Record<string, unknown> {
  const { node, weight } = layer;
  const data = dataOf(layer);
  if (node.op.name === "matmul") {
    const [M, N] = node.inputs[1] === weight ? node.shape : [node.shape[1], node.shape[0]];
    return { type: "gemm", M, N, K: data.shape.reduce((product, size) => product * size, 1) / M };
  }
  const [batch, C, H, W] = data.shape;
  const [M, , R, S] = weight.shape;
  const { stride, dilation, groups } = node.attributes as ConvolutionAttributes;
  if (dilation.some((step) => step !== 1)) {
    throw new ArgumentError("the simulator has no dilated convolutions", {
      layer: name,
      got: dilation,
      want: "dilation 1",
    });
  }
  const { padH, padW, top, bottom, left, right } = paddingOf(node);
  return {
    ...{ type: "conv", batch, C, M, R, S, strideH: stride[0], strideW: stride[1], padH, padW, groups },
    H: H + top + bottom,
    W: W + left + right,
  };
}

/** What both sides have, and what one has more. */
function paddingOf(node: Tensor) {
  const [top, bottom, left, right] = (node.attributes as ConvolutionAttributes).padding;
  const [padH, padW] = [Math.min(top, bottom), Math.min(left, right)];
  return { padH, padW, top: top - padH, bottom: bottom - padH, left: left - padW, right: right - padW };
}

/** Inputs of a layer as the simulator has them: [batch, C, H, W], or [M, K] of a product. */
export function layInputs(layer: LayerNode, values: Uint8Array): Uint8Array {
  const { node, weight } = layer;
  const { shape } = dataOf(layer);
  if (node.op.name === "matmul") {
    const isTransposed = node.inputs[1] === weight ? node.attributes.transposeA : !node.attributes.transposeB;
    return isTransposed ? transpose(values, shape) : values;
  }
  const { top, bottom, left, right } = paddingOf(node);
  if (top + bottom + left + right === 0) return values;
  const [batch, C, H, W] = shape;
  const [height, width] = [H + top + bottom, W + left + right];
  const out = new Uint8Array(batch * C * height * width);
  for (let row = 0; row < batch * C * H; row++) {
    const [map, y] = [Math.floor(row / H), row % H];
    out.set(values.subarray(row * W, (row + 1) * W), (map * height + y + top) * width + left);
  }
  return out;
}

/** Weights of a layer as the simulator has them: [M, C / groups, R, S], or [N, K] of a product. */
export function layWeights({ node, weight }: LayerNode, values: Uint8Array): Uint8Array {
  if (node.op.name !== "matmul") return values;
  const isTransposed = node.inputs[1] === weight ? !node.attributes.transposeB : node.attributes.transposeA;
  return isTransposed ? transpose(values, weight.shape) : values;
}

function transpose(values: Uint8Array, [rows, columns]: readonly number[]): Uint8Array {
  const out = new Uint8Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column];
  }
  return out;
}
