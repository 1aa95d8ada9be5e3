import type { HostTensor, Shape } from "@lowbit/core-tensor";
import type { Granularity, Quantizer } from "./define-quantizer.js";

/** The shape of what a quantizer learns about values of this shape: one number, or one for each channel. */
export function learnedShape(granularity: Granularity, shape: Shape): number[] {
  return granularity.kind === "per-channel" ? shape.map((size, axis) => (axis === granularity.axis ? size : 1)) : [];
}

/** The values of channel `channel` along `axis`. */
function channelOf({ shape, data }: HostTensor, axis: number, channel: number): Float32Array {
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const values: number[] = [];
  for (let i = 0; i < data.length; i++) {
    if (Math.floor(i / inner) % shape[axis] === channel) values.push(data[i]);
  }
  return Float32Array.from(values);
}

/** What a quantizer's learned numbers start from, for the first values that it meets; {} where it learns nothing. */
export function firstLearned<Options>(
  quantizer: Quantizer<Options>,
  options: Options,
  values: HostTensor,
): Record<string, HostTensor> {
  const granularity = quantizer.granularity(options);
  const shape = learnedShape(granularity, values.shape);
  const channels =
    granularity.kind === "per-channel"
      ? Array.from({ length: values.shape[granularity.axis] }, (_, each) => channelOf(values, granularity.axis, each))
      : [Float32Array.from(values.data as Float32Array)];
  return Object.fromEntries(
    Object.entries(quantizer.learned?.(options) ?? {}).map(([name, { initial }]) => {
      const data = Float32Array.from(channels, (channel) => initial(channel, options));
      return [name, { dtype: "f32", shape, data } as const];
    }),
  );
}
