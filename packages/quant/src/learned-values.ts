import { elementsOf, type HostTensor, type Shape } from "@lowbit/core-tensor";
import type { Granularity, Quantizer } from "./define-quantizer.js";
import type { BoundQuantizer } from "./grid.js";

/** Whether a quantizer learns or holds anything at all. */
export const learns = ({ quantizer, options }: Pick<BoundQuantizer, "quantizer" | "options">): boolean =>
  Object.keys(quantizer.learned?.(options) ?? {}).length > 0;

/**
 * The shape of what a quantizer learns about values of this shape: one number, one for each channel, or one for each group of
 * input channels of each output channel: of [M, C, …] in groups [M, G, size, …] that is [M, G, 1, …].
 */
export function learnedShape(granularity: Granularity, shape: Shape): number[] {
  if (granularity.kind === "per-tensor") return [];
  if (granularity.kind === "per-channel") return shape.map((size, axis) => (axis === granularity.axis ? size : 1));
  const [M, C = 1, ...rest] = shape;
  return [M, Math.ceil(C / granularity.size), 1, ...rest.map(() => 1)];
}

/** The values that share a number of that shape, in its order. */
function shares(granularity: Granularity, { shape, data }: HostTensor): Float32Array[] {
  const values = data as Float32Array;
  if (granularity.kind === "per-tensor") return [Float32Array.from(values)];
  const parts = Array.from({ length: elementsOf(learnedShape(granularity, shape)) }, (): number[] => []);
  const partAt =
    granularity.kind === "per-channel" ? channelAt(shape, granularity.axis) : groupAt(shape, granularity.size);
  for (let i = 0; i < values.length; i++) parts[partAt(i)].push(values[i]);
  return parts.map((part) => Float32Array.from(part));
}

function channelAt(shape: Shape, axis: number): (i: number) => number {
  const inner = elementsOf(shape.slice(axis + 1));
  return (i) => Math.floor(i / inner) % shape[axis];
}

function groupAt([, C = 1, ...rest]: Shape, size: number): (i: number) => number {
  const [inner, groups] = [elementsOf(rest), Math.ceil(C / size)];
  return (i) => {
    const channel = Math.floor(i / inner);
    return Math.floor(channel / C) * groups + Math.floor((channel % C) / size);
  };
}

/** Activations [N, …] in pieces of so many images. */
function inBatches({ shape, data }: HostTensor, images: number): Float32Array[] {
  const [piece, whole] = [images * elementsOf(shape.slice(1)), data as Float32Array];
  return Array.from({ length: Math.ceil(shape[0] / images) }, (_, i) => whole.subarray(i * piece, (i + 1) * piece));
}

/**
 * What a quantizer's learned numbers start from, for the first values that it meets; {} where it learns nothing.
 *
 * @param images  of activations [N, …]: how many make a batch, for what averages over batches
 */
export function firstLearned<Options>(
  quantizer: Quantizer<Options>,
  options: Options,
  values: HostTensor,
  images?: number,
): Record<string, HostTensor> {
  const learned = Object.entries(quantizer.learned?.(options) ?? {});
  if (learned.length === 0) return {};
  const granularity = quantizer.granularity(options);
  const shape = learnedShape(granularity, values.shape);
  const parts = shares(granularity, values);
  const isWhole = images !== undefined && granularity.kind === "per-tensor";
  const batchesOf = (part: Float32Array) => (isWhole ? inBatches(values, images) : [part]);
  return Object.fromEntries(
    learned.map(([name, { initial }]) => {
      const data = Float32Array.from(parts, (part) => initial(part, options, batchesOf(part)));
      return [name, { dtype: "f32", shape, data } as const];
    }),
  );
}
