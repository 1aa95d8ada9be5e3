import { parseOptions, type Quantizer } from "../define-quantizer.js";
import { holdFor, inOneChannel, observeQuantizer, withEngine } from "./observe-quantizer.js";

/**
 * The gradient of a quantizer at one value, through autograd. A scale that is no constant is held at `scale`, by default 1,
 * and statistics at the numbers that `statistics` has for them, or at what that one value gives.
 */
export async function gradientAt<Options>(
  quantizer: Quantizer<Options>,
  options: unknown,
  value: number,
  {
    scale = 1,
    statistics = {},
  }: { readonly scale?: number; readonly statistics?: Readonly<Record<string, number>> } = {},
): Promise<number> {
  const parsed = parseOptions(quantizer, options);
  const values = inOneChannel(quantizer, parsed, [value]);
  const isConstant = quantizer.scale(parsed).kind === "constant";
  const one = (number: number) => ({ dtype: "f32", shape: values.shape, data: Float32Array.of(number) }) as const;
  return withEngine(async (engine) => {
    const worked = (await holdFor(engine, quantizer, parsed, values)).statistics;
    const given = Object.fromEntries(Object.entries(statistics).map(([name, number]) => [name, one(number)]));
    const held = { scale: isConstant ? undefined : one(scale), statistics: { ...worked, ...given } };
    const { gradients } = await observeQuantizer(engine, quantizer, parsed, values, held);
    return gradients[0] + 0;
  });
}
