import { ArgumentError, type Tensor } from "@lowbit/core-tensor";
import { parseWorkload, type Workload } from "@lowbit/dlac-sim";
import { findCountedNodes } from "@lowbit/wrpn";
import { builtInNetwork, logitsOf, type NetworkChoice, precisionOption } from "./built-in-network.js";

/** Shares of values that are not zero. */
export interface Densities {
  readonly wDensity: number;
  readonly aDensity: number;
}

/** The weighted layers of a built-in network, read from its graph; the first one's images have no zeros. */
export function modelWorkload(choice: NetworkChoice, precision: string, densities: Densities): Workload {
  const name = `${choice.model}, ${choice.width}x wide, ${precision}`;
  return graphWorkload(logitsOf(builtInNetwork(choice)), name, precisionOption(precision), (_, index) => ({
    ...densities,
    ...(index === 0 && { aDensity: 1 }),
  }));
}

/**
 * The weighted layers of any network's graph.
 *
 * @param densitiesOf  by the layer's name and its place
 */
export function graphWorkload(
  output: Tensor,
  name: string,
  precision: string,
  densitiesOf: (layer: string, index: number) => Densities,
): Workload {
  const layers = findCountedNodes(output, { precision }).map(({ node, weight, name: layer, ...bits }, index) => ({
    name: layer,
    wBits: bits.weightBits,
    aBits: bits.inputBits,
    ...sizesOf(node, weight, layer),
    ...densitiesOf(layer, index),
  }));
  return { ...parseWorkload({ layers }, name), name };
}

function sizesOf(node: Tensor, weight: Tensor, layer: string): Record<string, unknown> {
  const data = node.inputs.find((each) => each !== weight) as Tensor;
  if (node.op.name === "matmul") {
    const [M, N] = node.inputs[1] === weight ? node.shape : [node.shape[1], node.shape[0]];
    return { type: "gemm", M, N, K: data.shape.reduce((product, size) => product * size, 1) / M };
  }
  const [batch, C, H, W] = data.shape;
  const [M, , R, S] = weight.shape;
  const { stride, padding, dilation, groups } = node.attributes as ConvolutionAttributes;
  if (dilation.some((step) => step !== 1)) {
    throw new ArgumentError("the simulator has no dilated convolutions", { layer, got: dilation, want: "dilation 1" });
  }
  const [padH, padW] = [Math.min(padding[0], padding[1]), Math.min(padding[2], padding[3])];
  return {
    ...{ type: "conv", batch, C, M, R, S, strideH: stride[0], strideW: stride[1], padH, padW, groups },
    // what one side is padded more than the other counts as a part of the image
    H: H + padding[0] + padding[1] - 2 * padH,
    W: W + padding[2] + padding[3] - 2 * padW,
  };
}

/** As core-tensor keeps them, padding as top, bottom, left, right. */
interface ConvolutionAttributes {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}
