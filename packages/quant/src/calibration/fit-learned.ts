import { type Engine, type HostTensor, square, subtract, sum } from "@lowbit/core-tensor";
import type { BoundQuantizer } from "../grid.js";
import { gridOf } from "../grid.js";
import { firstLearned } from "../learned-values.js";

/** Powers of two from 1/8 to 8 in 64 steps: what a first value is multiplied by. */
const FACTORS = Array.from({ length: 65 }, (_, i) => 2 ** ((i - 32) * (3 / 32)));
/** Of so many values the error is reckoned. */
const SAMPLE = 20_000;

/**
 * What a quantizer learns, for values that it will not be trained on: its own first values, each times the factor with which
 * the quantized values lie nearest, Σ (q(v) − v)².
 *
 * Source: Bhalgat et al., "LSQ+", arXiv 2004.09576, section 4.3: the step of the least squared error, before any training
 *
 * @param values  of a weight, or observed at an input
 * @returns by the name of what is learned
 */
export async function fitLearned(
  engine: Engine,
  { quantizer, options }: Pick<BoundQuantizer, "quantizer" | "options">,
  values: HostTensor,
): Promise<Record<string, HostTensor>> {
  const learned = firstLearned(quantizer, options, values);
  const declared = quantizer.learned?.(options) ?? {};
  const names = Object.keys(learned).filter((name) => !declared[name]?.isFixed); // an observer's range stays what it found
  if (names.length === 0) return learned;
  const isWhole = names.every((name) => learned[name].shape.length === 0);
  const sample = isWhole ? sampleOf(values) : values; // channels must stay where they are
  const errorOf = engine.compile(({ sample: x, ...held }) => {
    const grid = gridOf({ quantizer, options, learned: held }, x);
    return { error: sum(square(subtract(quantizer.fakeQuantize(x, options, grid.tensor, grid.held), x))) };
  });
  for (const name of names) {
    let [best, least] = [learned[name], Number.POSITIVE_INFINITY];
    for (const factor of FACTORS) {
      const tried = scaled(learned[name], factor);
      const { error } = await errorOf({ ...learned, [name]: tried, sample });
      if (error.data[0] < least) [best, least] = [tried, error.data[0]];
    }
    learned[name] = best;
  }
  return learned;
}

function sampleOf({ data }: HostTensor): HostTensor {
  const stride = Math.max(1, Math.ceil(data.length / SAMPLE));
  const kept = Float32Array.from({ length: Math.ceil(data.length / stride) }, (_, i) => data[i * stride]);
  return { dtype: "f32", shape: [kept.length], data: kept };
}

function scaled({ shape, data }: HostTensor, factor: number): HostTensor {
  return { dtype: "f32", shape, data: Float32Array.from(data, (value) => value * factor) };
}
