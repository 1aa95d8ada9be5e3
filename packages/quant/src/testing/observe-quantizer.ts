import {
  createEngine,
  createStream,
  type Engine,
  grad,
  type HostTensor,
  normal,
  sum,
  type Tensor,
} from "@lowbit/core-tensor";
import type { Quantizer } from "../define-quantizer.js";

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

/** The tensor that a statistic or learned scale gives for these values; undefined where the scale is constant. */
export async function scaleOfValues<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  options: Options,
  values: HostTensor,
): Promise<HostTensor | undefined> {
  const scale = quantizer.scale(options);
  if (scale.kind === "constant") return undefined;
  const compute = (x: Tensor) => (scale.kind === "statistic" ? scale.compute(x, options) : scale.initial(x, options));
  const run = engine.compile((inputs) => ({ scale: compute(inputs.values) }));
  return (await run({ values })).scale;
}

/** Runs a quantizer, there and back and through its gradient, with the scale held fixed. */
export async function observeQuantizer<Options>(
  engine: Engine,
  quantizer: Quantizer<Options>,
  options: Options,
  values: HostTensor,
  scale: HostTensor | undefined,
): Promise<Observation> {
  const run = engine.compile(({ values: x, scale: s }) => {
    const levels = quantizer.fakeQuantize(x, options, s);
    const codes = quantizer.toCodes(levels, options, s);
    return {
      levels,
      codes,
      restored: quantizer.fromCodes(codes, options, s),
      again: quantizer.fakeQuantize(levels, options, s),
      gradients: grad(sum(levels), [x])[0],
    };
  });
  const results = await run(scale ? { values, scale } : { values });
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
