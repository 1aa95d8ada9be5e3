import { multiply, reshape, rewrite, type Tensor } from "@lowbit/core-tensor";
import { batchNormBehind, readersBelow } from "./batch-norm-nodes.js";
import type { BoundLayer } from "./bind-layers.js";
import { weightOf } from "./find-layers.js";

/** Makes what takes a layer's place, of its inputs as they are rewritten; undefined keeps it. */
export type LayerRule = (
  node: Tensor,
  inputs: { readonly edge: Tensor; readonly weight: Tensor },
  layer: BoundLayer | undefined,
) => Tensor | undefined;

/**
 * Rewrites the layers of a network. Where batch norm is folded, a layer with quantized weights and a batch norm right behind it
 * gets a · w in the place of w, by output channel, and the batch norm adds b alone:
 *
 *     a · conv(x, w) + b  →  conv(x, q(a · w)) + b,   a = γ / √(variance + ε), b = β − mean · a
 *
 * with the running statistics; gradients go on to w, γ and β. The graph is one of evaluation, or of a training with batch norm
 * frozen: in another one there is no such product.
 *
 * @param otherwise  what becomes of nodes that are no layers
 *
 * Source: Krishnamoorthi, arXiv 1806.08342, section 3.2.2 (frozen statistics); Jacob et al., arXiv 1712.05877, section 3.2
 */
export function rewriteLayers(
  output: Tensor,
  { layers, foldsBatchNorm }: { readonly layers: ReadonlyMap<string, BoundLayer>; readonly foldsBatchNorm: boolean },
  rule: LayerRule,
  otherwise: (node: Tensor, inputs: readonly Tensor[]) => Tensor | undefined = () => undefined,
): Tensor {
  const readersOf = foldsBatchNorm ? readersBelow(output) : undefined;
  const folded = new Set<Tensor>();
  const [rewritten] = rewrite([output], (node, inputs) => {
    if (folded.has(node)) return inputs[0];
    if (!weightOf(node)) return otherwise(node, inputs);
    const [edge, weight] = inputs;
    const layer = layers.get(node.layer);
    const norm = readersOf && layer?.weight && batchNormBehind(node, readersOf);
    if (norm) folded.add(norm.product);
    return rule(node, { edge, weight: norm ? timesChannels(weight, norm.factor) : weight }, layer);
  });
  return rewritten;
}

/** Weights [M, …] times a number for each output channel, [M]. */
function timesChannels(weight: Tensor, factor: Tensor): Tensor {
  return multiply(weight, reshape(factor, { shape: weight.shape.map((size, axis) => (axis === 0 ? size : 1)) }));
}
