import {
  accumulatorBound,
  add,
  broadcastTo,
  buildNode,
  type Conv2dCodesOptions,
  cast,
  constantOf,
  conv2d,
  conv2dCodes,
  divide,
  matmul,
  multiply,
  packCodes,
  reshape,
  roundHalfEven,
  roundStraightThrough,
  slice,
  subtract,
  type Tensor,
} from "@lowbit/core-tensor";
import { seenThrough } from "./find-layers.js";
import {
  type BoundQuantizer,
  type BoundTerm,
  type BoundWeight,
  type Grid,
  gridOf,
  termsOf,
  weightCodes,
} from "./grid.js";
import { withOutputScale } from "./output-scale.js";
import { quantizeEdge } from "./quantize-edge.js";

/** Sums of integers are exact in float32 up to here, whatever their order. */
const EXACT_IN_F32 = 2 ** 24;

/**
 * y = (Σ code_w · code_x) · (g · scale_w · scale_x): whole numbers, exact, then one multiplication. Where levels are sums of
 * terms, so for each pair of them, added in order: all of the input's first term, then all of its second.
 *
 * @param computed  max pools whose values are there anyway
 */
export function integerLayer(
  node: Tensor,
  edge: Tensor,
  weight: Tensor,
  layer: { readonly weight: BoundWeight; readonly input: BoundQuantizer },
  computed: ReadonlySet<Tensor>,
): Tensor {
  const { quantizer, options } = layer.input;
  let inputGrid: Grid = { held: {} };
  const toCodes = (values: Tensor): Tensor => {
    inputGrid = gridOf(layer.input, values);
    const { tensor: scale, held } = inputGrid;
    const levels = quantizer.fakeQuantize(values, options, scale, held);
    return withoutRoundTrip(quantizer.toCodes(levels, options, scale, held));
  };
  const codes = quantizeEdge(edge, layer.input, toCodes, computed);
  const coded = weightCodes(layer.weight, weight);
  const weightTerms = termsOf(layer.weight, coded.codes, coded.grid);
  const sums = termsOf(layer.input, codes, inputGrid).map((x) =>
    weightTerms
      .map((w) => {
        const factor = joinScales(layer.weight.gain, w.scale, x.scale);
        return multiply(sumCodes(node, x, w), typeof factor === "number" ? factor : alongChannels(factor, node));
      })
      .reduce((sum, product) => add(sum, product)),
  );
  const output = sums.reduce((sum, each) => add(sum, each)); // an offset of the input is one of them: conversion leaves one constant of it
  return withOutputScale(node, edge, layer.input, output);
}

/**
 * round((r / n) · n) is r where r is a whole number of at most 8 bits already: the two roundings of float32 move it by
 * less than a half. Levels are only passed through here, so their division and multiplication can go.
 */
export function withoutRoundTrip(codes: Tensor): Tensor {
  const isRounded = (node: Tensor) =>
    node.op === roundHalfEven.declaration || node.op === roundStraightThrough.declaration;
  const product = codes.inputs[0];
  const quotient = product?.inputs[0];
  const isRoundTrip =
    isRounded(codes) &&
    product.op === multiply.declaration &&
    quotient.op === divide.declaration &&
    isSameScalar(product.inputs[1], quotient.inputs[1]) &&
    isRounded(quotient.inputs[0]);
  return isRoundTrip ? quotient.inputs[0] : codes;
}

function isSameScalar(a: Tensor, b: Tensor): boolean {
  const isScalar = a.op.name === "constant" && b.op.name === "constant" && a.shape.length === 0 && b.shape.length === 0;
  return isScalar && a.attributes.data[0] === b.attributes.data[0];
}

/** g · scale_w · scale_x in this order, in float32: part of the fixed epilogue. */
export function joinScales(...factors: readonly (Tensor | number)[]): Tensor | number {
  if (factors.every((factor) => typeof factor === "number")) {
    return factors.reduce((product, factor) => Math.fround(product * Math.fround(factor)), 1);
  }
  return factors.reduce<Tensor>((product, factor) => multiply(product, factor), constantOf(1));
}

/** A scale of one value, or one for each output channel, as it stretches over the layer's output. */
function alongChannels(scale: Tensor, node: Tensor): Tensor {
  return reshape(scale, { shape: node.op === conv2d.declaration ? [-1, 1, 1] : [-1] });
}

/** Σ code_w · code_x of a convolution or a matrix product, as f32: integers where they are exact in it, int32 beyond. */
function sumCodes(node: Tensor, x: BoundTerm, w: BoundTerm): Tensor {
  const codes = w.channels ? channelsOf(x.codes, w.channels) : x.codes;
  const formats = { x: x.format, w: w.format };
  if (node.op === matmul.declaration) {
    const [M, K] = w.codes.shape;
    const image = reshape(codes, { shape: [-1, K, 1, 1] });
    const y = convolveCodes(node.layer, image, reshape(w.codes, { shape: [M, K, 1, 1] }), formats);
    return reshape(y, { shape: [-1, M] });
  }
  const { stride, padding, dilation, groups } = node.attributes;
  const [M, ...filter] = [node.inputs[1].shape[0], ...w.codes.shape.slice(1)];
  const filters = groups === 1 ? w.codes : broadcastTo(w.codes, { shape: [M, ...filter] }); // one for all would be of one group
  return convolveCodes(node.layer, codes, filters, { ...formats, stride, padding, dilation, groups });
}

/** Some of the channels (axis 1) of an input; the graph that is made for one image serves any number of them. */
function channelsOf(codes: Tensor, { from, count }: Required<BoundTerm>["channels"]): Tensor {
  const begin = codes.shape.map((_, axis) => (axis === 1 ? from : 0));
  const size = codes.shape.map((_, axis) => (axis === 1 ? count : -1));
  return slice(codes, { begin, size });
}

function convolveCodes(layer: string, x: Tensor, w: Tensor, options: Conv2dCodesOptions): Tensor {
  if (accumulatorBound(w.shape, options) < EXACT_IN_F32)
    return buildNode(conv2dCodes.declaration, [x, w], options, layer);
  return packedConvolution(layer, x, w, options);
}

/** The same sum over packed codes, in int32. */
export function packedConvolution(layer: string, x: Tensor, w: Tensor, options: Conv2dCodesOptions): Tensor {
  const packed = packCodes(w, { format: options.w });
  const sums = buildNode(conv2dCodes.declaration, [toFields(x, options.x), packed], options, layer);
  return cast(sums, { dtype: "f32" });
}

/** Codes held in f32 as u8 fields, made before max pool, reshape and concat, so that these move bytes. */
function toFields(codes: Tensor, format: Conv2dCodesOptions["x"]): Tensor {
  if (seenThrough.has(codes.op.name)) {
    const inputs = codes.inputs.map((input) => toFields(input, format));
    return buildNode(codes.op, inputs, codes.attributes, codes.layer);
  }
  const shifted = format.offset === 0 ? codes : subtract(codes, format.offset);
  const fields = format.step === 1 ? shifted : multiply(shifted, 1 / format.step);
  return cast(fields, { dtype: "u8" });
}
