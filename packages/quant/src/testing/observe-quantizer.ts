import {
  constantOf,
  createEngine,
  createStream,
  type Engine,
  grad,
  type HostTensor,
  normal,
  sum,
  type Tensor,
} from "@lowbit/core-tensor";
import type { Held, Quantizer } from "../define-quantizer.js";
import { firstLearned } from "../learned-values.js";

/** What a quantizer made of some values of one channel, under one scale. */
export interface Observation {
  readonly values: Float32Array;
  readonly levels: Float32Array;
  readonly codes: Float32Array;
  /** fromCodes(codes). */
  readonly restored: Float32Array;
  /** fakeQuantize(levels). */
  readonly again: Float32Array;
  /** Of the sum of all levels, for each value. */
  readonly gradients: Float32Array;
  readonly shapes: { readonly values: readonly number[]; readonly levels: readonly number[] };
}

/** Runs `work` with an engine of the reference backend. */
export async function withEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await createEngine({ backend: "js" });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/**
 * Values as a tensor of four axes that lies within one channel: along axis 1, or along axis 0 where that is not the
 * channels' own.
 */
export function inOneChannel<Options>(
  quantizer: Quantizer<Options>,
  options: Options,
  values: ArrayLike<number>,
): HostTensor {
  const granularity = quantizer.granularity(options);
  const channelAxis = granularity.kind === "per-channel" ? granularity.axis : 0;
  const shape = new Array<number>(Math.max(4, channelAxis + 1)).fill(1);
  shape[channelAxis === 0 ? 1 : 0] = values.length;
  return { dtype: "f32", shape, data: Float32Array.from(values) };
}

/** What a scale is worked out of, where nobody says: 64 normal values. */
export const sampleValues = (): Float32Array => normal(64, createStream(0, "lowbit/testing/sample"));

/** What a quantizer makes of some values and then holds: its scale, unless that is constant, and by name its statistics and what it learns. */
export interface HeldValues {
  readonly scale?: HostTensor;
  readonly held: Readonly<Record<string, HostTensor>>;
}

/** What a quantizer would hold for these values. */
export async function holdFor<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  options: Options,
  values: HostTensor,
): Promise<HeldValues> {
  const scale = quantizer.scale(options);
  const compute = (x: Tensor, held: Held): Tensor[] => {
    if (scale.kind === "constant") return [];
    return [scale.kind === "statistic" ? scale.compute(x, options, held) : scale.compute(held)];
  };
  const x = constantOf(values);
  const first = Object.entries(firstLearned(quantizer, options, values));
  const learned = Object.fromEntries(first.map(([name, value]) => [name, constantOf(value)]));
  const held = { ...quantizer.statistics?.(x, options), ...learned };
  const names = Object.keys(held);
  const results = await engine.evaluate([...names.map((name) => held[name]), ...compute(x, held)]);
  return {
    scale: results.at(names.length),
    held: Object.fromEntries(names.map((name, i) => [name, results[i]])),
  };
}

/** Held values as constants of a graph. */
export function heldTensors({ scale, held: values }: HeldValues): { scale?: Tensor; held: Held } {
  const held = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, constantOf(value)]));
  return { scale: scale && constantOf(scale), held };
}

/** Runs a quantizer, there and back and through its gradient, with scale and statistics held fixed. */
export async function observeQuantizer<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  options: Options,
  values: HostTensor,
  holding: HeldValues,
): Promise<Observation> {
  const run = engine.compile(({ values: x }) => {
    const { scale, held } = heldTensors(holding);
    const levels = quantizer.fakeQuantize(x, options, scale, held);
    const codes = quantizer.toCodes(levels, options, scale, held);
    return {
      levels,
      codes,
      restored: quantizer.fromCodes(codes, options, scale, held),
      again: quantizer.fakeQuantize(levels, options, scale, held),
      gradients: grad(sum(levels), [x])[0],
    };
  });
  const results = await run({ values });
  const floats = (tensor: HostTensor) => tensor.data as Float32Array;
  return {
    values: floats(values),
    levels: floats(results.levels),
    codes: floats(results.codes),
    restored: floats(results.restored),
    again: floats(results.again),
    gradients: floats(results.gradients),
    shapes: { values: values.shape, levels: results.levels.shape },
  };
}
