import { type PackedDtype, packedBits } from "../../../graph/dtype.js";
import { accumulatorBound, type Conv2dCodesOptions } from "../../../ops/codes.js";
import type { CodeFormat } from "../../../packed/code-format.js";
import { CORRELATE_CODES, PACK_FILTER_NIBBLES, PACK_FILTER_PAIRS } from "../assembly/opcodes.js";
import { defineKernel, type Instruction, type Packing, roundUp, type UnplacedCall, wantsF32 } from "../instruction.js";
import { conv2dKernel, describeConv2d } from "./conv2d.js";
import { type Correlation, emitCorrelation, layOutCorrelation, totalK } from "./correlation.js";

/** What a plane of codes holds for a pixel; assembly/conv2d-codes.ts has the picture. */
interface Form {
  readonly kind: "pairs" | "nibbles";
  /** Channels that share an element of a plane. */
  readonly channels: number;
  /** Nibbles: products of every combination of weights with every nibble, 16 bytes each, in words. */
  readonly table: readonly number[];
  /** Nibbles: steps that fit in sums of 8 bits. */
  readonly flush: number;
}

/** What a field stands for; 0 for fields that no code has. */
const integerOf = ({ offset, step, levels }: CodeFormat, field: number): number =>
  field < levels ? offset + step * field : 0;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Values that a weight in the table may take: its codes, and "not there" behind them. */
const weightNumbers = (w: CodeFormat): number[] => [...range(2 ** w.bits).map((field) => integerOf(w, field)), 0];

const pairs: Form = { kind: "pairs", channels: 2, table: [], flush: 0 };

const MOST_TABLE_ROWS = 640;
const FEWEST_STEPS = 4;

function formOf(attributes: Conv2dCodesOptions, bound: number): Form {
  const { x, w } = attributes;
  const channels = x.bits === 1 ? 4 : 2;
  const numbers = weightNumbers(w);
  if (x.bits > 2 || bound >= 2 ** 15 || numbers.length ** channels > MOST_TABLE_ROWS) return pairs;
  const rows = range(numbers.length ** channels).map((index) => {
    const weights = range(channels).map(
      (channel) => numbers[Math.floor(index / numbers.length ** channel) % numbers.length],
    );
    return range(16).map((nibble) =>
      weights.reduce(
        (sum, weight, channel) => sum + weight * integerOf(x, (nibble >> (channel * x.bits)) & (2 ** x.bits - 1)),
        0,
      ),
    );
  });
  const largest = Math.max(...rows.flat().map(Math.abs));
  const flush = Math.floor(127 / Math.max(1, largest));
  if (flush < FEWEST_STEPS) return pairs;
  return { kind: "nibbles", channels, table: [...new Int32Array(Int8Array.from(rows.flat()).buffer)], flush };
}

interface Described {
  readonly correlation: Correlation;
  readonly form: Form;
  readonly channels: number;
  readonly bits: number;
  readonly taps: number;
}

/** The convolution with channels taken together as planes hold them. */
function describe(call: UnplacedCall): Described {
  const correlation = describeConv2d(call);
  const [, w] = call.inputs;
  const [, channels, R, S] = w.shape;
  const form = formOf(call.attributes, accumulatorBound(w.shape, call.attributes));
  return {
    correlation: { ...correlation, sourceChannels: Math.ceil(channels / form.channels) },
    form,
    channels,
    bits: packedBits(w.dtype as PackedDtype),
    taps: R * S,
  };
}

const packing: Packing = {
  input: 1,
  bytes: (call) => {
    const { correlation, form } = describe(call);
    const words = correlation.groups * roundUp(correlation.outChannels, 4) * totalK(layOutCorrelation(correlation));
    return words * (form.kind === "pairs" ? 4 : 2);
  },
  emit: (call, places) => {
    const { correlation, form, channels, bits, taps } = describe(call);
    const { w } = call.attributes as Conv2dCodesOptions;
    const { outChannels, groups, filterRowStride, filterGroupStride } = correlation;
    const planes = layOutCorrelation(correlation);
    const K = totalK(planes);
    const table = planes.ranges.flatMap((each) =>
      each.taps.flatMap(({ channel, r, s }) =>
        range(form.channels).map((i) => {
          const real = channel * form.channels + i;
          return real < channels ? real * taps + correlation.filterOffset(0, r, s) : -1;
        }),
      ),
    );
    const isPairs = form.kind === "pairs";
    const words = [
      ...[places.of(call.inputs[1]), places.packed, outChannels, K, filterRowStride, filterGroupStride],
      ...[(roundUp(outChannels, 4) * K) / (isPairs ? 1 : 2), bits],
      ...(isPairs ? [w.offset, w.step] : [2 ** bits + 1, form.channels]),
      ...[11, ...table],
    ];
    return [{ opcode: isPairs ? PACK_FILTER_PAIRS : PACK_FILTER_NIBBLES, chunks: groups, words, scratchBytes: 0 }];
  },
};

function emitCodes(call: UnplacedCall, source: number, packed: number, out: number): Instruction[] {
  const { correlation, form, channels } = describe(call);
  const { x } = call.attributes as Conv2dCodesOptions;
  const isPairs = form.kind === "pairs";
  const head = 37;
  const extra = [...[x.offset, x.step, channels, isPairs ? 0 : head, form.channels, x.bits, form.flush], ...form.table];
  const elementBytes = isPairs ? 4 : 1;
  return emitCorrelation(
    correlation,
    { source, packed, out },
    { opcode: CORRELATE_CODES, elementBytes, extra, extraScratchBytes: 256 },
  );
}

const EXACT_IN_F32 = 2 ** 24;

const isHeldInF32 = ({ inputs: [x] }: UnplacedCall): boolean => x.dtype === "f32";

/** Codes held in f32 take the f32 convolution, which is exact here; packed ones pairs of int16, or tables of nibbles. */
export const conv2dCodesKernel = defineKernel({
  op: "conv2dCodes",
  supports: (call) => {
    if (!isHeldInF32(call)) return true;
    const fits = accumulatorBound(call.inputs[1].shape, call.attributes) <= EXACT_IN_F32;
    return fits ? wantsF32(call) : "sums beyond 2^24 are not exact in f32";
  },
  packing: {
    input: 1,
    bytes: (call) => (isHeldInF32(call) ? conv2dKernel.packing : packing)?.bytes(call) ?? 0,
    emit: (call, places) => (isHeldInF32(call) ? conv2dKernel.packing : packing)?.emit(call, places) ?? [],
  },
  emit: (call, places) => {
    if (isHeldInF32(call)) return conv2dKernel.emit(call, places);
    return emitCodes(call, places.of(call.inputs[0]), places.packed, places.of(call.outputs[0]));
  },
  name: (call) => {
    if (isHeldInF32(call)) return "conv2d-codes-f32-2x16";
    const { x, w } = call.attributes as Conv2dCodesOptions;
    const { kind } = formOf(call.attributes, accumulatorBound(call.inputs[1].shape, call.attributes));
    return `conv2d-codes-w${w.bits}a${x.bits}-${kind === "pairs" ? "dot16-2x16" : "nibbles-4x32"}`;
  },
});
