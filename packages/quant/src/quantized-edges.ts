import { rewrite, type Tensor } from "@lowbit/core-tensor";
import { weightOf } from "./find-layers.js";
import type { BoundQuantizer } from "./grid.js";
import { quantizeEdge } from "./quantize-edge.js";

/** What a quantizer of a layer's input is to read; a layer has several where a concat joins branches before it. */
export interface QuantizedEdge {
  readonly layer: string;
  readonly values: Tensor;
}

/** The edges below `output` that quantizers would sit on, in order of computing, while nothing is quantized yet. */
export function quantizedEdges(output: Tensor, inputs: ReadonlyMap<string, BoundQuantizer>): QuantizedEdge[] {
  const edges: QuantizedEdge[] = [];
  rewrite([output], (node, [edge]) => {
    const bound = weightOf(node) && inputs.get(node.layer);
    if (!bound) return undefined;
    quantizeEdge(edge, bound, (values) => {
      edges.push({ layer: node.layer, values });
      return values;
    });
    return undefined;
  });
  return edges;
}
