import { accumulatorBound, type Conv2dCodesOptions } from "../../../ops/codes.js";
import { type CodeFormat, largestInteger } from "../../../packed/code-format.js";
import { CORRELATE_CODES, PACK_FILTER_BYTES, PACK_FILTER_NIBBLES, PACK_FILTER_PAIRS } from "../assembly/opcodes.js";
import {
  defineKernel,
  type Instruction,
  type Kernel,
  type Places,
  roundUp,
  type UnplacedCall,
  wantsF32,
} from "../instruction.js";
import type { DotBits, Dots } from "../probe-dots.js";
import { conv2dKernel, describeConv2d } from "./conv2d.js";
import { type Correlation, emitCorrelation, layOutCorrelation, totalK } from "./correlation.js";

/** What a plane of codes holds for a pixel, and how filters meet it; assembly/conv2d-codes.ts has the picture. */
interface Form {
  readonly kind: "pairs" | "lanes" | "nibbles" | "shorts" | "bytes";
  /** Channels that share an element of a plane. */
  readonly channels: number;
  /** Nibbles, lanes and shorts: steps that fit in the narrow sums. */
  readonly flush: number;
  /** Nibbles: products of every combination of weights with every nibble, 16 bytes each, in words. */
  readonly table: readonly number[];
  /** Lanes: bits of the field that holds the even row, and the steps whose sums fit beside it. */
  readonly lowBits: number;
  readonly piece: number;
}

/** As assembly/code-planes.ts numbers them. */
const kinds = { pairs: 0, nibbles: 1, lanes: 2, bytes: 3, shorts: 4 } as const;

/** What a field stands for; 0 for fields that no code has. */
const integerOf = ({ offset, step, levels }: CodeFormat, field: number): number =>
  field < levels ? offset + step * field : 0;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Values that a weight in the table may take: its codes, and "not there" behind them. */
const weightNumbers = (w: CodeFormat): number[] => [...range(2 ** w.bits).map((field) => integerOf(w, field)), 0];

const pairs: Form = { kind: "pairs", channels: 2, flush: 0, table: [], lowBits: 0, piece: 0 };

const MOST_TABLE_ROWS = 640;
const FEWEST_STEPS = 4;

/** Products looked up: activations of 1 or 2 bits, and sums that fit in 16 bits. */
function nibbles({ x, w }: Conv2dCodesOptions, bound: number): Form | undefined {
  const channels = x.bits === 1 ? 4 : 2;
  const numbers = weightNumbers(w);
  if (x.bits > 2 || bound >= 2 ** 15 || numbers.length ** channels > MOST_TABLE_ROWS) return undefined;
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
  if (flush < FEWEST_STEPS) return undefined;
  const table = [...new Int32Array(Int8Array.from(rows.flat()).buffer)];
  return { ...pairs, kind: "nibbles", channels, table, flush };
}

const LONGEST_PIECE = 512;

/** Two rows in a lane of 16 bits, where the low one has room for a few steps. */
function lanes({ x, w }: Conv2dCodesOptions): Form | undefined {
  const weight = largestInteger(w);
  const step = 2 * weight * largestInteger(x);
  for (let lowBits = 14; lowBits > 8; lowBits--) {
    const flush = Math.floor((2 ** (lowBits - 1) - 1) / step);
    const piece = Math.min(LONGEST_PIECE, Math.floor((2 ** (31 - lowBits) - 1) / step));
    if (weight * 2 ** lowBits + weight < 2 ** 15 && flush >= FEWEST_STEPS && piece >= flush)
      return { ...pairs, kind: "lanes", flush, lowBits, piece };
  }
  return undefined;
}

/** Whether activations are fields of so many bits, 0 among them for padding, and weights fit a signed byte. */
function fitBytes({ x, w }: Conv2dCodesOptions, bits: DotBits): boolean {
  const most = 2 ** bits - 1;
  const isWeight = w.offset >= -128 && w.offset + w.step * (w.levels - 1) < 128;
  return isWeight && x.step * (x.levels - 1) <= most && x.offset <= 0 && -x.offset <= most;
}

function bytes(options: Conv2dCodesOptions, bits: DotBits): Form | undefined {
  return fitBytes(options, bits) ? { ...pairs, kind: "bytes", channels: 4 } : undefined;
}

/** Sums of 16 bits that hold a few steps. */
function shorts(options: Conv2dCodesOptions, bits: DotBits): Form | undefined {
  const { x, w } = options;
  const largestField = Math.max(x.step * (x.levels - 1), -x.offset);
  const flush = Math.floor((2 ** 15 - 1) / (2 * largestInteger(w) * largestField));
  return fitBytes(options, bits) && flush >= FEWEST_STEPS ? { ...pairs, kind: "shorts", flush } : undefined;
}

/** What made formOf choose so. */
function reasonFor({ kind, flush, lowBits }: Form, { x, w }: Conv2dCodesOptions): string {
  if (kind === "nibbles") return `activations of ${x.bits} bits: products looked up, ${flush} to a sum of 8 bits`;
  if (kind === "bytes") return "this processor takes dot products of four bytes, exactly";
  if (kind === "shorts") return `dot products of two bytes are exact here, ${flush} to a sum of 16 bits`;
  if (kind === "lanes") return `two filters in 16 bits: ${flush} products fit in the low ${lowBits}`;
  return `products of ${w.bits} × ${x.bits} bits leave no room beside them: int16 pairs`;
}

/** The fastest form that is exact, in the order in which they were measured. */
function formOf({ attributes, inputs: [, w] }: UnplacedCall, dots: Dots): Form {
  const options = attributes as Conv2dCodesOptions;
  const bound = accumulatorBound(w.shape, options);
  return (
    nibbles(options, bound) ?? bytes(options, dots.bytes) ?? shorts(options, dots.shorts) ?? lanes(options) ?? pairs
  );
}

/** Of each form: its packer, bytes of a filter's k, bytes of a plane's element, whether sums of rows follow the panels, its tile. */
const layouts = {
  pairs: { packer: PACK_FILTER_PAIRS, panelBytes: 4, elementBytes: 4, hasSums: false, tile: "dot16" },
  lanes: { packer: PACK_FILTER_PAIRS, panelBytes: 2, elementBytes: 4, hasSums: false, tile: "lanes" },
  nibbles: { packer: PACK_FILTER_NIBBLES, panelBytes: 2, elementBytes: 1, hasSums: false, tile: "nibbles" },
  shorts: { packer: PACK_FILTER_BYTES, panelBytes: 4, elementBytes: 2, hasSums: true, tile: "dot8-short" },
  bytes: { packer: PACK_FILTER_BYTES, panelBytes: 4, elementBytes: 4, hasSums: true, tile: "dot8" },
} as const;

interface Described {
  readonly correlation: Correlation;
  readonly form: Form;
  readonly channels: number;
  readonly taps: number;
  readonly K: number;
  /** Of the panels of a group. */
  readonly groupBytes: number;
}

/** The convolution with channels taken together as planes hold them. */
function describe(call: UnplacedCall, dots: Dots): Described {
  const [, channels, R, S] = call.inputs[1].shape;
  const form = formOf(call, dots);
  const plain = describeConv2d(call);
  const correlation = { ...plain, sourceChannels: Math.ceil(channels / form.channels) };
  const K = totalK(layOutCorrelation(correlation));
  const rows = roundUp(correlation.outChannels, 4);
  const { panelBytes, hasSums } = layouts[form.kind];
  const groupBytes = rows * (K * panelBytes + (hasSums ? 4 : 0));
  return { correlation, form, channels, taps: R * S, K, groupBytes };
}

function emitPacking(call: UnplacedCall, { of, packed }: Places, dots: Dots): Instruction[] {
  const { correlation, form, channels, taps, K, groupBytes } = describe(call, dots);
  const { x, w } = call.attributes as Conv2dCodesOptions;
  const { outChannels, groups, filterRowStride, filterGroupStride } = correlation;
  const table = layOutCorrelation(correlation).ranges.flatMap((each) =>
    each.taps.flatMap(({ channel, r, s }) =>
      range(form.channels).map((i) => {
        const real = channel * form.channels + i;
        return real < channels ? real * taps + correlation.filterOffset(0, r, s) : -1;
      }),
    ),
  );
  const words = [
    ...[of(call.inputs[1]), packed, outChannels, K, filterRowStride, filterGroupStride, groupBytes],
    ...[w.bits, w.offset, w.step, layouts[form.kind].hasSums ? x.offset : form.lowBits],
    ...[weightNumbers(w).length, form.channels, 14, ...table],
  ];
  return [{ opcode: layouts[form.kind].packer, chunks: groups, words, scratchBytes: 0 }];
}

function emitCodes(call: UnplacedCall, { of, packed }: Places, dots: Dots): Instruction[] {
  const { correlation, form, channels, groupBytes } = describe(call, dots);
  const { x } = call.attributes as Conv2dCodesOptions;
  const { kind, flush, lowBits, piece, table } = form;
  const extra = [
    ...[kinds[kind], x.offset, x.step, channels, form.channels, x.bits, flush, lowBits, piece, 41, groupBytes],
    ...table,
  ];
  return emitCorrelation(
    correlation,
    { source: of(call.inputs[0]), packed, out: of(call.outputs[0]) },
    { opcode: CORRELATE_CODES, elementBytes: layouts[kind].elementBytes, extra, extraScratchBytes: 256 },
  );
}

const EXACT_IN_F32 = 2 ** 24;

const isHeldInF32 = ({ inputs: [x] }: UnplacedCall): boolean => x.dtype === "f32";

/**
 * Codes held in f32 take the f32 convolution, which is exact here; packed ones the fastest form that is exact.
 *
 * @param dots  the relaxed dot products of bytes that are exact here
 */
export const conv2dCodesKernel = (dots: Dots): Kernel =>
  defineKernel({
    op: "conv2dCodes",
    supports: (call) => {
      if (!isHeldInF32(call)) return true;
      const fits = accumulatorBound(call.inputs[1].shape, call.attributes) <= EXACT_IN_F32;
      return fits ? wantsF32(call) : "sums beyond 2^24 are not exact in f32";
    },
    packing: {
      input: 1,
      bytes: (call) => {
        if (isHeldInF32(call)) return conv2dKernel.packing?.bytes(call) ?? 0;
        const { correlation, groupBytes } = describe(call, dots);
        return correlation.groups * groupBytes;
      },
      emit: (call, places) => {
        if (isHeldInF32(call)) return conv2dKernel.packing?.emit(call, places) ?? [];
        return emitPacking(call, places, dots);
      },
    },
    emit: (call, places) => (isHeldInF32(call) ? conv2dKernel.emit(call, places) : emitCodes(call, places, dots)),
    name: (call) => {
      if (isHeldInF32(call)) return "conv2d-codes-f32-direct";
      const { x, w } = call.attributes as Conv2dCodesOptions;
      return `conv2d-codes-w${w.bits}a${x.bits}-${layouts[formOf(call, dots).kind].tile}`;
    },
    reason: (call) =>
      isHeldInF32(call)
        ? "codes held in f32: every sum is exact there"
        : reasonFor(formOf(call, dots), call.attributes),
  });
