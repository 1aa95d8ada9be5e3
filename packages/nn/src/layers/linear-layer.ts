import { add, inLayer, matmul } from "@lowbit/core-tensor";
import { heFanIn, type Initialiser, initialised, zeros } from "../initialisers.js";
import type { Layer } from "./layer.js";

export interface LinearLayerOptions {
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** true where absent. */
  readonly bias?: boolean;
  readonly initialiser?: Initialiser;
  readonly seed: number;
}

/** x [N, in] · weightᵀ + bias, with `weight` [out, in] and `bias` [out]. */
export function linearLayer(options: LinearLayerOptions): Layer {
  const { name, inFeatures, outFeatures, bias = true, initialiser = heFanIn, seed } = options;
  const weight = initialised(`${name}.weight`, [outFeatures, inFeatures], initialiser, seed);
  const shift = bias ? initialised(`${name}.bias`, [outFeatures], zeros, seed) : undefined;
  return {
    name,
    variables: shift ? [weight, shift] : [weight],
    forward: (x) =>
      inLayer(name, () => {
        const y = matmul(x, weight, { transposeB: true });
        return shift ? add(y, shift) : y;
      }),
  };
}
