import { buildNode, type Tensor } from "@lowbit/core-tensor";
import { seenThrough } from "./find-layers.js";
import type { BoundQuantizer } from "./grid.js";

/**
 * What a quantizer makes of the edge into a layer. Max pool, reshape and concat commute with it, so it moves before them,
 * unless its grid is made of the very values; some quantizers take the place of ReLU.
 *
 * @param computed  max pools whose values are there anyway: it stays behind these, where its codes are the same and fewer to make
 */
export function quantizeEdge(
  edge: Tensor,
  bound: BoundQuantizer,
  quantize: (values: Tensor) => Tensor,
  computed: ReadonlySet<Tensor> = new Set(),
): Tensor {
  if (computed.has(edge) && !losesSigns(edge, bound)) return quantize(edge);
  if (seenThrough.has(edge.op.name) && !dependsOnValues(bound)) {
    const inputs = edge.inputs.map((input) => quantizeEdge(input, bound, quantize, computed));
    return buildNode(edge.op, inputs, edge.attributes, edge.layer);
  }
  return quantize(edge.op.name === "relu" && replacesRelu(bound) ? edge.inputs[0] : edge);
}

/** Whether the edge comes from a ReLU that the quantizer would take the place of, and its codes differ behind it: signs. */
function losesSigns(edge: Tensor, bound: BoundQuantizer): boolean {
  if (seenThrough.has(edge.op.name)) return edge.inputs.some((input) => losesSigns(input, bound));
  return edge.op.name === "relu" && replacesRelu(bound) && bound.quantizer.codes(bound.options).kind === "bipolar";
}

const dependsOnValues = ({ quantizer, options }: BoundQuantizer): boolean =>
  quantizer.statistics !== undefined || quantizer.scale(options).kind === "statistic";

/** A clip that starts at 0 does what ReLU does; signs, with no 0 between them, would all be +1 behind it. */
function replacesRelu({ quantizer, options }: BoundQuantizer): boolean {
  const { kind, min } = quantizer.codes(options);
  return (kind === "bipolar" || min >= 0) && !quantizer.terms; // codes from 0 may stand for levels below it there
}
