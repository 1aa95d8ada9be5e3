import type { Engine, HostTensor } from "@lowbit/core-tensor";
import type { PreparedModel } from "./prepare.js";

/** Shares of zeros among what a layer multiplies, 0 to 1. */
export interface LayerZeros {
  readonly layer: string;
  readonly weights: number;
  readonly inputs: number;
}

/**
 * Looks at every layer with weights, quantized or not, while a batch of images passes: which shares of the weights and of the values
 * that meet them are exactly 0, as an accelerator would see it.
 *
 * @returns a function of images [N, …inputShape], normalised as those of training
 * @example const [first] = await layerZeros(prepared, engine)(images);
 */
export function layerZeros(
  model: Pick<PreparedModel, "operands">,
  engine: Engine,
): (images: HostTensor) => Promise<readonly LayerZeros[]> {
  let layers: readonly string[] = [];
  const run = engine.compile(({ x }) => {
    const operands = model.operands(x);
    layers = operands.map(({ layer }) => layer);
    const outputs = operands.flatMap(({ weight, input }, i) => [[`weight${i}`, weight] as const, [`input${i}`, input]]);
    return Object.fromEntries(outputs);
  });
  return async (x) => {
    const values = await run({ x });
    return layers.map((layer, i) => ({
      layer,
      weights: shareOfZeros(values[`weight${i}`]),
      inputs: shareOfZeros(values[`input${i}`]),
    }));
  };
}

function shareOfZeros({ data }: HostTensor): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 0) count++;
  return data.length === 0 ? 0 : count / data.length;
}
