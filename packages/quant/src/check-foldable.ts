import {
  ConfigurationError,
  constantOf,
  evaluateByReference,
  type HostTensor,
  multiply,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import { batchNormBehind, readersBelow } from "./batch-norm-nodes.js";
import type { Quantizer } from "./define-quantizer.js";
import type { WeightedLayer } from "./find-layers.js";
import { weightCodes } from "./grid.js";
import { firstLearned } from "./learned-values.js";

/** A layer and what its weight is to go through. */
export interface QuantizedWeight {
  readonly layer: WeightedLayer;
  readonly quantizer: Quantizer;
  readonly options: unknown;
}

/**
 * Refuses to fold batch norm into weights whose levels would not follow: a grid that was made once, before there was anything to
 * fold, or one of a fixed size. Levels follow where weights twice as large have levels twice as large, to the last bit.
 *
 * @throws {ConfigurationError} naming the layer and its quantizer, or, where there is nothing to fold, the model
 */
export async function checkFoldable(
  model: string,
  output: Tensor,
  weights: readonly QuantizedWeight[],
  read: (variable: Variable) => Promise<HostTensor>,
): Promise<void> {
  const readersOf = readersBelow(output);
  const folded = weights.filter(({ layer }) => batchNormBehind(layer.node, readersOf));
  if (folded.length === 0) {
    throw new ConfigurationError(`${model} has no batch norm to fold`, {
      where: "foldBatchNorm",
      want: "a layer with quantized weights and batch norm right behind it",
    });
  }
  for (const { layer, quantizer, options } of folded) {
    const values = await read(layer.weight);
    const first = Object.entries(firstLearned(quantizer, options, values));
    const learned = Object.fromEntries(first.map(([name, value]) => [name, constantOf(value)]));
    const levelsOf = (w: Tensor) =>
      evaluateByReference(weightCodes({ quantizer, options, learned, gain: 1 }, w).levels).data;
    const w = constantOf(values);
    const [levels, ofDoubled] = [levelsOf(w), levelsOf(multiply(w, 2))];
    if (levels.every((level, i) => ofDoubled[i] === 2 * level)) continue;
    throw new ConfigurationError(
      `batch norm can't be folded into the weights of layer "${layer.name}": the levels of ${quantizer.name} are made once or have a fixed size`,
      {
        where: "foldBatchNorm",
        layer: layer.name,
        want: "a quantizer whose levels follow the weights, as those of uniform, twn and bwn do without a weightObserver",
        got: quantizer.name,
        hint: "freeze batch norm instead",
      },
    );
  }
}
