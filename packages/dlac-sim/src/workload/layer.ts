import { z } from "zod";

const whole = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int(error).min(least, error).max(most, error);
};
const size = whole(1, 2 ** 24);
const density = z.number("a number from 0 to 1").min(0, "a number from 0 to 1").max(1, "a number from 0 to 1");
const name = z.string("a name").min(1, "a name").max(200, "a name of at most 200 characters");

const shared = {
  name,
  /** 1, as SCALE-Sim has it, unless told otherwise. */
  batch: whole(1, 2 ** 20).default(1),
  groups: size.default(1),
  /** Those of the processing element where absent. */
  wBits: whole(1, 32).optional(),
  aBits: whole(1, 32).optional(),
  /** The share of weights, or of activations that the layer reads, that are not zero. */
  wDensity: density.default(1),
  aDensity: density.default(1),
};

const pads = whole(0, 4096).default(0);
const strides = whole(1, 4096).default(1);

/** A convolution as JSON has it; fully connected is H = W = R = S = 1. */
const convSchema = z.strictObject({
  ...shared,
  type: z.literal("conv"),
  /** Input height and width, before padding. */
  H: size,
  W: size,
  /** Input channels, of all groups together. */
  C: size,
  /** Filters, of all groups together. */
  M: size,
  /** Filter height and width. */
  R: size,
  S: size,
  strideH: strides,
  strideW: strides,
  padH: pads,
  padW: pads,
});

/** A product of [M, K] and [K, N]: M rows of activations, N filters. */
const gemmSchema = z.strictObject({ ...shared, type: z.literal("gemm"), M: size, N: size, K: size });

export const layerSchema = z.discriminatedUnion("type", [convSchema, gemmSchema], 'type "conv" or "gemm"');

export type Layer = Readonly<z.output<typeof layerSchema>>;
export type ConvLayer = Extract<Layer, { type: "conv" }>;

/**
 * How many positions a filter takes on one axis. "floor" as every framework; "ceiling" as SCALE-Sim: ⌈(H − R + stride) / stride⌉,
 * which counts a last position that lies partly outside.
 */
export type OutputRounding = "floor" | "ceiling";

function positions(length: number, filter: number, stride: number, rounding: OutputRounding): number {
  const steps = (length - filter) / stride;
  return (rounding === "floor" ? Math.floor(steps) : Math.ceil(steps)) + 1;
}

/** [height, width] of a convolution's output. */
export function outputSizeOf(layer: ConvLayer, rounding: OutputRounding = "floor"): readonly [number, number] {
  return [
    positions(layer.H + 2 * layer.padH, layer.R, layer.strideH, rounding),
    positions(layer.W + 2 * layer.padW, layer.S, layer.strideW, rounding),
  ];
}

/** A layer as products of matrices: in each group [pixels, window] · [window, filters]. */
export interface Products {
  readonly groups: number;
  /** Output positions of the whole batch: the letter M in SCALE-Sim's formulas. */
  readonly pixels: number;
  /** Of one group: N. */
  readonly filters: number;
  /** Weights of one filter, R · S · C / groups: K. */
  readonly window: number;
  /** groups · pixels · filters · window */
  readonly macs: number;
}

export function productsOf(layer: Layer, rounding: OutputRounding = "floor"): Products {
  const { groups, batch } = layer;
  if (layer.type === "gemm") {
    const [pixels, filters, window] = [layer.M * batch, layer.N / groups, layer.K / groups];
    return { groups, pixels, filters, window, macs: groups * pixels * filters * window };
  }
  const [height, width] = outputSizeOf(layer, rounding);
  const [pixels, filters, window] = [batch * height * width, layer.M / groups, (layer.R * layer.S * layer.C) / groups];
  return { groups, pixels, filters, window, macs: groups * pixels * filters * window };
}

/** Values of the whole layer, each counted once. */
export function elementsOf(layer: Layer): { readonly inputs: number; readonly weights: number } {
  if (layer.type === "gemm") {
    return { inputs: layer.batch * layer.M * layer.K, weights: (layer.N * layer.K) / layer.groups };
  }
  const { batch, C, H, W, M, R, S, groups } = layer;
  return { inputs: batch * C * H * W, weights: (M * R * S * C) / groups };
}
