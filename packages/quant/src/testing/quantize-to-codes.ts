import { parseOptions, type Quantizer } from "../define-quantizer.js";
import { holdFor, inOneChannel, type Observation, observeQuantizer, withEngine } from "./observe-quantizer.js";

async function observe<Options>(
  quantizer: Quantizer<Options>,
  written: unknown,
  values: ArrayLike<number>,
): Promise<Observation> {
  const options = parseOptions(quantizer, written);
  const channel = inOneChannel(quantizer, options, values);
  return withEngine(async (engine) => {
    const held = await holdFor(engine, quantizer, options, channel);
    return observeQuantizer(engine, quantizer, options, channel, held);
  });
}

/** The codes of some values that make up one channel. A statistic is worked out of these very values. */
export async function quantizeToCodes<Options>(
  quantizer: Quantizer<Options>,
  options: unknown,
  values: ArrayLike<number>,
): Promise<Int16Array> {
  return Int16Array.from((await observe(quantizer, options, values)).codes);
}

/** The levels that some values of one channel fall on. A statistic is worked out of these very values. */
export async function levelsOf<Options>(
  quantizer: Quantizer<Options>,
  options: unknown,
  values: ArrayLike<number>,
): Promise<Float32Array> {
  return (await observe(quantizer, options, values)).levels;
}
