import { elementsOf } from "../../../graph/shape.js";
import { accumulatorBound, type Conv2dCodesOptions } from "../../../ops/codes.js";
import { type CodeFormat, largestInteger } from "../../../packed/code-format.js";
import { fieldsOfWords } from "../device-array.js";
import { defineGpuKernel, type GpuCall } from "../gpu-kernel.js";
import type { DeviceValue, Launches } from "../launches.js";
import { emitBitPlanes, largestPartialSum } from "./bit-planes.js";
import { forEachTap, outputOfConvolution } from "./convolution.js";
import { addUnpacking } from "./pack-codes.js";

/** Sums of whole numbers are exact in float32 below this. */
const EXACT = 2 ** 24;

const isPacked = ({ outputs: [out] }: GpuCall): boolean => out.dtype === "i32";

/** Whether a sum could pass 2²⁴: it is then kept in two parts, and what comes out is the exact sum rounded once. */
export const roundsSums = (call: GpuCall): boolean =>
  call.op.name === "conv2dCodes" &&
  isPacked(call) &&
  accumulatorBound(call.inputs[1].shape, call.attributes as Conv2dCodesOptions) >= EXACT;

/** The weights as whole numbers, an array in the order of w: worked out here where they are constant, else by a launch. */
function weightCodes(call: GpuCall, w: DeviceValue, launches: Launches): DeviceValue {
  if (!isPacked(call)) return w;
  const format: CodeFormat = call.attributes.w;
  const length = elementsOf(call.inputs[1].shape);
  if (w.kind !== "constant") return addUnpacking(w, length, format, launches);
  const fields = fieldsOfWords(w.data, format.bits, length);
  return launches.constant(Float32Array.from(fields, (field) => format.offset + format.step * field));
}

/** Channels whose sums stay exact. */
function channelsAtOnce({ inputs: [, w], attributes }: GpuCall): number {
  const [, , R, S] = w.shape;
  return Math.floor((EXACT - 1) / (R * S * largestInteger(attributes.x) * largestInteger(attributes.w)));
}

/** Multiplies whole numbers one by one: every pair of formats, every geometry. */
function emitProducts(call: GpuCall, x: DeviceValue, w: DeviceValue, launches: Launches): DeviceValue {
  const [{ shape: xShape }, { shape: wShape }] = call.inputs;
  const [, C, H, W] = xShape;
  const [, perGroup, R, S] = wShape;
  const { offset, step } = call.attributes.x as CodeFormat;
  const field = `x[xFrom + (c * ${H} + h) * ${W} + v]`;
  const code = isPacked(call) ? `(${offset} + ${step} * ${field})` : field;
  const each = `sum += w[wFrom + (c * ${R} + r) * ${S} + s] * ${code};`;
  const head = `${outputOfConvolution(call)}
const xFrom = (n * ${C} + group * ${perGroup}) * ${H * W};
const wFrom = m * ${perGroup * R * S};
let sum = 0;`;
  const length = elementsOf(call.outputs[0].shape);
  const inputs = { x, w: weightCodes(call, w, launches) };
  if (!roundsSums(call)) {
    return launches.add(length, inputs, `${head}\n${forEachTap(call, { from: 0, to: perGroup }, each)}\nreturn sum;`);
  }
  // Each part of the channels is summed exactly and split into 4096 · high + low; both totals stay exact, and the last sum rounds once.
  const channels = channelsAtOnce(call);
  const parts: string[] = [];
  for (let from = 0; from < perGroup; from += channels) {
    parts.push(`sum = 0;
${forEachTap(call, { from, to: Math.min(from + channels, perGroup) }, each)}
part = Math.floor(sum / 4096);
high += part;
low += sum - part * 4096;`);
  }
  return launches.add(
    length,
    inputs,
    `${head}\nlet high = 0;\nlet low = 0;\nlet part = 0;\n${parts.join("\n")}\nreturn high * 4096 + low;`,
  );
}

/** Pairs of bit-planes up to which counting beat multiplying: docs/decisions/0005-gpu-js-carries-floats.md. */
const MOST_PLANE_PAIRS = 6;

const usesPlanes = (call: GpuCall): boolean =>
  isPacked(call) &&
  call.attributes.x.bits * call.attributes.w.bits <= MOST_PLANE_PAIRS &&
  largestPartialSum(call) < EXACT;

export const conv2dCodesKernel = defineGpuKernel({
  op: "conv2dCodes",
  supports: (call) => !roundsSums(call) || channelsAtOnce(call) >= 1 || "the sum over one channel alone passes 2²⁴",
  name: (call) => {
    const { x, w } = call.attributes as Conv2dCodesOptions;
    return `conv2d-codes-gpu-w${w.bits}a${x.bits}-${usesPlanes(call) ? "bit-planes" : "products"}`;
  },
  reason: (call) =>
    usesPlanes(call)
      ? `bit counts of 16 channels at once: at most ${MOST_PLANE_PAIRS} pairs of bit-planes`
      : `products one by one: more than ${MOST_PLANE_PAIRS} pairs of bit-planes, or codes held in f32`,
  emit: (call, [x, w], launches) => [
    w.kind === "constant" && usesPlanes(call)
      ? emitBitPlanes(call, x, w.data, launches)
      : emitProducts(call, x, w, launches),
  ],
});
