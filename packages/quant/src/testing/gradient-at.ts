import { parseOptions, type Quantizer } from "../define-quantizer.js";
import { inOneChannel, observeQuantizer, withEngine } from "./observe-quantizer.js";

/**
 * The gradient of a quantizer at one value, through autograd. A scale that is no constant is held at `scale`, by default 1.
 */
export async function gradientAt<Options>(
  quantizer: Quantizer<Options>,
  options: unknown,
  value: number,
  { scale = 1 }: { readonly scale?: number } = {},
): Promise<number> {
  const parsed = parseOptions(quantizer, options);
  const values = inOneChannel(quantizer, parsed, [value]);
  const isConstant = quantizer.scale(parsed).kind === "constant";
  const held = { dtype: "f32", shape: values.shape, data: Float32Array.of(scale) } as const;
  return withEngine(async (engine) => {
    const { gradients } = await observeQuantizer(engine, quantizer, parsed, values, isConstant ? undefined : held);
    return gradients[0] + 0;
  });
}
