import { ConfigurationError } from "@lowbit/core-tensor";

/** What a layer's edges are called when a scheme chooses for them; recurrent cells have the last five. */
export type Slot = "weight" | "input" | "recurrent" | "state" | "gate" | "cell" | "gradient";

/** Bits of weights and of layer inputs; 32 leaves a side in full precision. */
export interface Precision {
  /** The usual spelling: "w2a2", "w2a32", "fp32". */
  readonly name: string;
  readonly weightBits: number;
  readonly inputBits: number;
  /** Of what flows back into a layer's output, in training; absent where that stays in full precision. */
  readonly gradientBits?: number;
}

/**
 * Reads "w4a8" (4-bit weights, 8-bit activations), "w1a2g6" (6-bit gradients beside) or "fp32".
 *
 * @throws {ConfigurationError} for any other text
 */
export function parsePrecision(text: string): Precision {
  const [, weights, inputs, gradients] = /^w([1-8]|32)a([1-8]|32)(?:g([1-8]|32))?$/.exec(text) ?? [];
  if (text !== "fp32" && weights === undefined) {
    throw new ConfigurationError(`there is no precision ${JSON.stringify(text)}`, {
      where: "precision",
      want: "wKaL with K and L from 1 to 8, or 32 to leave that side alone, such as w4a8, and gM behind them for gradients, such as w1a2g6; or fp32",
      got: text,
    });
  }
  const [weightBits, inputBits] = [Number(weights ?? 32), Number(inputs ?? 32)];
  const gradientBits = Number(gradients ?? 32);
  if (gradientBits < 32) {
    return { name: `w${weightBits}a${inputBits}g${gradientBits}`, weightBits, inputBits, gradientBits };
  }
  const name = weightBits === 32 && inputBits === 32 ? "fp32" : `w${weightBits}a${inputBits}`;
  return { name, weightBits, inputBits };
}
