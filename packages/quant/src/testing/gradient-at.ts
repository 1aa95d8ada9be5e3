import { parseOptions, type Quantizer } from "../define-quantizer.js";
import { holdFor, inOneChannel, observeQuantizer, withEngine } from "./observe-quantizer.js";

/**
 * The gradient of a quantizer at one value, through autograd. A scale that is no constant is held at `scale`, by default 1,
 * and statistics and learned numbers at what `held` has for them, or at what that one value gives.
 */
export async function gradientAt<Options>(
  quantizer: Quantizer<Options>,
  options: unknown,
  value: number,
  { scale = 1, held = {} }: { readonly scale?: number; readonly held?: Readonly<Record<string, number>> } = {},
): Promise<number> {
  const parsed = parseOptions(quantizer, options);
  const values = inOneChannel(quantizer, parsed, [value]);
  const isConstant = quantizer.scale(parsed).kind === "constant";
  const one = (number: number) => ({ dtype: "f32", shape: values.shape, data: Float32Array.of(number) }) as const;
  return withEngine(async (engine) => {
    const worked = (await holdFor(engine, quantizer, parsed, values)).held;
    const given = Object.fromEntries(Object.entries(held).map(([name, number]) => [name, one(number)]));
    const holding = { scale: isConstant ? undefined : one(scale), held: { ...worked, ...given } };
    const { gradients } = await observeQuantizer(engine, quantizer, parsed, values, holding);
    return gradients[0] + 0;
  });
}
