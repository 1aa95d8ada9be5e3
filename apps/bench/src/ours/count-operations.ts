import { elementsOf, type Tensor, topologicalOrder } from "@lowbit/core-tensor";

/** Values that one output of a convolution sums over: C/groups · R · S of its weights [M, C/groups, R, S]. */
const taps = (weights: readonly number[]): number => elementsOf(weights.slice(1));

function multiplyAdds({ op, inputs, shape, attributes }: Tensor): number {
  switch (op.name) {
    case "conv2d":
    case "conv2dCodes":
      return elementsOf(shape) * taps(inputs[1].shape);
    case "conv2dInputGradient":
      return elementsOf(inputs[0].shape) * taps(inputs[1].shape);
    case "conv2dWeightGradient":
      return elementsOf(inputs[1].shape) * taps(shape);
    case "matmul":
      return elementsOf(shape) * inputs[0].shape[attributes.transposeA ? 0 : 1];
    default:
      return 0;
  }
}

/**
 * Operations of the products and convolutions that a graph needs, a multiply and an add counted as two; taps in the
 * padding count. The rest of a network is small beside them, and nobody's rate counts it.
 */
export function countOperations(results: readonly Tensor[]): number {
  return topologicalOrder(results).reduce((sum, node) => sum + 2 * multiplyAdds(node), 0);
}
