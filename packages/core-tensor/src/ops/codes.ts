import { defineOp, type Op, type Values } from "../graph/define-op.js";
import type { Dtype } from "../graph/dtype.js";
import { AccumulatorError, DtypeError } from "../graph/errors.js";
import { elementsOf, type Shape } from "../graph/shape.js";
import { type CodeFormat, checkFormat, largestInteger } from "../packed/code-format.js";
import { packFields, unpackFields } from "../packed/pack-codes.js";
import { type Conv2dAttributes, type Conv2dOptions, completeConv2d, conv2dShape, correlate } from "./conv2d.js";
import type { Window } from "./convolution-geometry.js";

const ternary: CodeFormat = { kind: "ternary", bits: 2, offset: -1, step: 1, levels: 3 };
const bipolar: CodeFormat = { kind: "bipolar", bits: 1, offset: -1, step: 2, levels: 2 };
const unsigned4: CodeFormat = { kind: "uint", bits: 2, offset: 0, step: 1, levels: 4 };

export interface CodesOptions {
  readonly format: CodeFormat;
}

const packedDtype = ({ bits }: CodeFormat): Dtype => `p${bits}` as Dtype;

/** Whole numbers of a format, held in f32, into packed fields: field = (integer − offset) / step, held to its bits. Any shape. */
export const packCodes: Op<1, CodesOptions> = defineOp({
  name: "packCodes",
  arity: 1,
  normalise: (attributes) => ({ format: checkFormat("packCodes", attributes.format) }),
  shape: ([x]) => x,
  dtype: ([x], { format }) => {
    if (x !== "f32") throw new DtypeError({ op: "packCodes", want: "codes held in f32", got: x });
    return packedDtype(format);
  },
  reference: (out, [x], { format }) => {
    const most = 2 ** format.bits - 1;
    const fieldOf = (code: number) => Math.trunc((code - format.offset) / format.step) || 0;
    const fields = Array.from(x.data as Float32Array, (code) => Math.min(most, Math.max(0, fieldOf(code))));
    out.data.set(packFields(fields, format.bits));
  },
  examples: [{ shapes: [[3, 5]], dtypes: ["f32"], attributes: { format: ternary }, range: [0, 0] }],
});

/** Packed fields back into whole numbers held in f32. */
export const unpackCodes: Op<1, CodesOptions> = defineOp({
  name: "unpackCodes",
  arity: 1,
  normalise: (attributes) => ({ format: checkFormat("unpackCodes", attributes.format) }),
  shape: ([x]) => x,
  dtype: ([x], { format }) => {
    if (x !== packedDtype(format)) {
      throw new DtypeError({ op: "unpackCodes", want: `codes packed as ${packedDtype(format)}`, got: x });
    }
    return "f32";
  },
  reference: (out, [x], { format }) => {
    const fields = unpackFields(x.data as Uint8Array, format.bits, out.data.length);
    for (let i = 0; i < fields.length; i++) out.data[i] = format.offset + format.step * fields[i];
  },
  examples: [{ shapes: [[3, 5]], dtypes: ["p2"], attributes: { format: ternary } }],
});

export interface Conv2dCodesOptions extends Conv2dOptions {
  /** The format of the input codes, and of the weight codes. */
  readonly x: CodeFormat;
  readonly w: CodeFormat;
}

/** The largest magnitude that one sum of conv2dCodes can reach: K · max|w| · max|x|. */
export function accumulatorBound(w: Shape, { x: xFormat, w: wFormat }: Pick<Conv2dCodesOptions, "x" | "w">): number {
  return w[1] * w[2] * w[3] * largestInteger(wFormat) * largestInteger(xFormat);
}

function decode(fields: Uint8Array, { offset, step }: CodeFormat): Int32Array {
  const integers = new Int32Array(fields.length);
  for (let i = 0; i < fields.length; i++) integers[i] = offset + step * fields[i];
  return integers;
}

/** Planes of integers [C, H, W] in a field of zeros: padding counts nothing, and taps need no bounds. */
function padPlanes(x: Int32Array, [C, H, W]: Shape, [top, bottom, left, right]: Window["padding"]): Int32Array {
  const [height, width] = [H + top + bottom, W + left + right];
  const padded = new Int32Array(C * height * width);
  for (let row = 0; row < C * H; row++) {
    const plane = Math.floor(row / H);
    padded.set(x.subarray(row * W, (row + 1) * W), (plane * height + (row % H) + top) * width + left);
  }
  return padded;
}

/**
 * Two images in one: a + 2¹⁶ · b. Sums below 2¹⁵ of either stay apart under additions and multiplications by whole numbers, so
 * both are convolved for the price of one.
 */
function pairPlanes(a: Int32Array, b: Int32Array): Int32Array {
  for (let i = 0; i < a.length; i++) a[i] += b[i] << 16;
  return a;
}

/**
 * The weights of one output channel that are not 0, and where in the padded planes their first input lies; filled up with
 * zeros to a multiple of eight.
 */
interface Taps {
  readonly weights: Int32Array;
  readonly starts: Int32Array;
}

/**
 * One output plane of integers: for each tap, one shifted plane is added; eight at a time, for the sums are read and written
 * once for all eight. Sums run over whole padded rows, row ends included: those positions are garbage that nobody copies.
 */
function sumPlanes(sums: Int32Array, padded: Int32Array, { weights, starts }: Taps): void {
  sums.fill(0);
  for (let t = 0; t < weights.length; t += 8) {
    const [w0, w1, w2, w3] = [weights[t], weights[t + 1], weights[t + 2], weights[t + 3]];
    const [w4, w5, w6, w7] = [weights[t + 4], weights[t + 5], weights[t + 6], weights[t + 7]];
    const [x0, x1, x2, x3] = [starts[t], starts[t + 1], starts[t + 2], starts[t + 3]];
    const [x4, x5, x6, x7] = [starts[t + 4], starts[t + 5], starts[t + 6], starts[t + 7]];
    for (let i = 0; i < sums.length; i++) {
      const a = (Math.imul(w0, padded[x0 + i]) + Math.imul(w1, padded[x1 + i])) | 0;
      const b = (Math.imul(w2, padded[x2 + i]) + Math.imul(w3, padded[x3 + i])) | 0;
      const c = (Math.imul(w4, padded[x4 + i]) + Math.imul(w5, padded[x5 + i])) | 0;
      const d = (Math.imul(w6, padded[x6 + i]) + Math.imul(w7, padded[x7 + i])) | 0;
      sums[i] += (((a + b) | 0) + ((c + d) | 0)) | 0;
    }
  }
}

function listTaps(
  ws: Int32Array,
  [, C, R, S]: Shape,
  m: number,
  startOf: (c: number, r: number, s: number) => number,
): Taps {
  const weights: number[] = [];
  const starts: number[] = [];
  for (let k = 0; k < C * R * S; k++) {
    const weight = ws[m * C * R * S + k];
    if (weight === 0) continue;
    weights.push(weight);
    starts.push(startOf(Math.floor(k / (R * S)), Math.floor(k / S) % R, k % S));
  }
  const filled = new Array<number>((8 - (weights.length % 8)) % 8).fill(0);
  return { weights: Int32Array.from([...weights, ...filled]), starts: Int32Array.from([...starts, ...filled]) };
}

function convolveFields(
  out: Values,
  x: Values,
  w: Values,
  attributes: Conv2dAttributes & Pick<Conv2dCodesOptions, "x" | "w">,
): void {
  const [N, C, H, W] = x.shape;
  const [M, perGroup] = w.shape;
  const [, , Ho, Wo] = out.shape;
  const { stride, padding, dilation, groups } = attributes;
  const [height, width] = [H + padding[0] + padding[1], W + padding[2] + padding[3]];
  const xs = decode(x.data as Uint8Array, attributes.x);
  const ws = decode(unpackFields(w.data as Uint8Array, attributes.w.bits, elementsOf(w.shape)), attributes.w);
  const sums = new Int32Array((Ho - 1) * stride[0] * width + (Wo - 1) * stride[1] + 1);
  const image = (n: number) => padPlanes(xs.subarray(n * C * H * W, (n + 1) * C * H * W), [C, H, W], padding);
  const isPaired = accumulatorBound(w.shape, attributes) < 2 ** 15;
  for (let n = 0; n < N; n += isPaired ? 2 : 1) {
    const hasSecond = isPaired && n + 1 < N;
    const padded = hasSecond ? pairPlanes(image(n), image(n + 1)) : image(n);
    for (let m = 0; m < M; m++) {
      const firstChannel = Math.floor(m / (M / groups)) * perGroup;
      const startOf = (c: number, r: number, s: number) =>
        ((firstChannel + c) * height + r * dilation[0]) * width + s * dilation[1];
      sumPlanes(sums, padded, listTaps(ws, w.shape, m, startOf));
      const [first, second] = [(n * M + m) * Ho * Wo, ((n + 1) * M + m) * Ho * Wo];
      for (let i = 0; i < Ho * Wo; i++) {
        const sum = sums[Math.floor(i / Wo) * stride[0] * width + (i % Wo) * stride[1]];
        const low = hasSecond ? (sum << 16) >> 16 : sum;
        out.data[first + i] = low;
        if (hasSecond) out.data[second + i] = (sum - low) >> 16;
      }
    }
  }
}

/**
 * Convolution of integer codes, exact: y[n, m, i, j] = Σ w · x over the taps inside x. Padded taps count nothing, also
 * where the codes have no 0.
 *
 * Two forms with the same numbers. Fake quantized: codes held in f32, x [N, C, H, W] and w [M, C/groups, R, S] → f32,
 * exact below 2²⁴. Packed: x as u8 fields, w as packed fields → i32, exact below 2³¹.
 *
 * @throws {AccumulatorError} when K · max|w| · max|x| does not fit the sum
 */
export const conv2dCodes: Op<2, Conv2dCodesOptions> = defineOp({
  name: "conv2dCodes",
  arity: 2,
  normalise: (attributes) => ({
    ...completeConv2d("conv2dCodes", attributes),
    x: checkFormat("conv2dCodes", attributes.x),
    w: checkFormat("conv2dCodes", attributes.w),
  }),
  shape: ([x, w], attributes) => {
    const shape = conv2dShape("conv2dCodes", x, w, attributes);
    const bound = accumulatorBound(w, attributes);
    if (bound >= 2 ** 31) {
      throw new AccumulatorError(`conv2dCodes could sum up to ${bound}`, {
        op: "conv2dCodes",
        want: "K · max|w| · max|x| below 2³¹",
        hint: "split the channels into groups and add the results",
      });
    }
    return shape;
  },
  dtype: ([x, w], attributes) => {
    if (x === "f32" && w === "f32") return "f32";
    if (x === "u8" && w === packedDtype(attributes.w)) return "i32";
    throw new DtypeError({
      op: "conv2dCodes",
      want: `f32 and f32, or u8 and ${packedDtype(attributes.w)}`,
      got: { x, w },
    });
  },
  reference: (out, [x, w], attributes) => {
    if (out.dtype === "i32") convolveFields(out, x, w, attributes);
    else correlate(out, x, w, attributes);
  },
  examples: [
    {
      shapes: [
        [2, 3, 5, 4],
        [4, 3, 3, 3],
      ],
      attributes: { x: unsigned4, w: ternary, padding: 1 },
    },
    {
      shapes: [
        [2, 3, 5, 4],
        [4, 3, 3, 3],
      ],
      dtypes: ["u8", "p2"],
      attributes: { x: unsigned4, w: ternary, padding: 1 },
    },
    {
      shapes: [
        [1, 4, 6, 5],
        [6, 2, 3, 2],
      ],
      dtypes: ["u8", "p1"],
      attributes: { x: unsigned4, w: bipolar, stride: 2, groups: 2 },
    },
  ],
});
