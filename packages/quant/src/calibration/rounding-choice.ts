import type { Engine, HostTensor, Shape, Variable } from "@lowbit/core-tensor";
import { type BoundWeight, formatOf, weightCodes } from "../grid.js";

/** The two codes that a weight can be rounded to: base, and base + step; base alone where it lies on a level or beyond the last. */
export interface RoundingChoice {
  /** Of the whole weight [M, …]. */
  readonly shape: Shape;
  /** The lower code of each weight. */
  readonly base: Float32Array;
  /** From one code to the next: 2 where codes are −1 and 1, else 1. */
  readonly step: number;
  /** How far up from `base` to the next code the weight lies, 0 to 1; 0 where there is no choice. */
  readonly fraction: Float32Array;
  /** Whether there is a choice. */
  readonly isOpen: Uint8Array;
  /** What the quantizer itself rounds to. */
  readonly nearest: Float32Array;
  /** Levels are code · scale; one scale, or one for each output channel, the gain included. */
  readonly scale: HostTensor;
}

/** Nearer to a level than this share of a step, a weight lies on it. */
const ON_LEVEL = 1e-4;

/**
 * The grid that a weight's quantizer has for its values as they are, and which codes each value lies between.
 *
 * @returns why there is no choice of rounding, where that is so
 */
export async function readRounding(
  engine: Engine,
  bound: BoundWeight,
  weight: Variable,
): Promise<RoundingChoice | string> {
  const { quantizer, options, gain } = bound;
  const { kind } = quantizer.granularity(options);
  if (quantizer.whyNotIdempotent !== undefined) return `${quantizer.name} takes levels to other levels`;
  if (quantizer.terms || kind === "per-group") return `a level of ${quantizer.name} is more than a scale times a code`;
  const { codes, grid } = weightCodes(bound, weight.tensor);
  const results = await engine.evaluate([codes, weight.tensor, ...(grid.tensor ? [grid.tensor] : [])]);
  const [nearest, values] = [results[0].data as Float32Array, results[1].data as Float32Array];
  const constant: HostTensor = { dtype: "f32", shape: [], data: Float32Array.of(grid.constant ?? 1) };
  const own = grid.tensor ? results[2] : constant;
  const scale: HostTensor = { ...own, data: Float32Array.from(own.data, (value) => value * gain) };
  const range = quantizer.codes(options);
  const { step } = formatOf(range);
  const { length } = values;
  const choice = { base: new Float32Array(length), fraction: new Float32Array(length), isOpen: new Uint8Array(length) };
  const perScale = length / scale.data.length;
  for (let i = 0; i < length; i++) {
    const at = values[i] / scale.data[Math.floor(i / perScale)];
    const place = (Math.min(range.max, Math.max(range.min, at)) - range.min) / step;
    const below = Math.floor(place + ON_LEVEL);
    const fraction = place - below;
    const isOpen = fraction > ON_LEVEL && fraction < 1 - ON_LEVEL;
    choice.base[i] = isOpen ? range.min + below * step : nearest[i];
    choice.fraction[i] = isOpen ? fraction : 0;
    choice.isOpen[i] = isOpen ? 1 : 0;
  }
  return { ...choice, shape: weight.shape, step, nearest, scale };
}

/**
 * Sets a weight to the levels of chosen codes, and looks whether the quantizer takes them to these very codes: a scale that is
 * made of the values must stay what it was.
 *
 * @returns whether it does; the weight is as before where not
 */
export async function writeCodes(
  engine: Engine,
  bound: BoundWeight,
  weight: Variable,
  { codes, choice }: { readonly codes: Float32Array; readonly choice: RoundingChoice },
): Promise<boolean> {
  const before = await engine.read(weight);
  const perScale = codes.length / choice.scale.data.length;
  const data = Float32Array.from(codes, (code, i) =>
    choice.isOpen[i] ? code * choice.scale.data[Math.floor(i / perScale)] : before.data[i],
  );
  await engine.write(weight, { dtype: "f32", shape: weight.shape, data });
  const [now] = await engine.evaluate([weightCodes(bound, weight.tensor).codes]);
  if (now.data.every((code, i) => code === codes[i])) return true;
  await engine.write(weight, before);
  return false;
}
