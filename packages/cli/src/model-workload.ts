import type { Tensor } from "@lowbit/core-tensor";
import { parseWorkload, type Workload } from "@lowbit/dlac-sim";
import { findCountedNodes } from "@lowbit/wrpn";
import { builtInNetwork, logitsOf, type NetworkChoice, precisionOption } from "./built-in-network.js";
import { sizesOf } from "./layer-layout.js";

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
    ...sizesOf({ node, weight }, layer),
    ...densitiesOf(layer, index),
  }));
  return { ...parseWorkload({ layers }, name), name };
}
