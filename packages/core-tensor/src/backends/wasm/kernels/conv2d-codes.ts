import { accumulatorBound, type Conv2dCodesOptions } from "../../../ops/codes.js";
import { type CodeFormat, largestInteger } from "../../../packed/code-format.js";
import {
  CORRELATE_CODES,
  PACK_FILTER_BYTES,
  PACK_FILTER_ENTRIES,
  PACK_FILTER_NIBBLES,
  PACK_FILTER_PAIRS,
} from "../assembly/opcodes.js";
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
import { codeRowsBytes, describeCodeRows, emitCodeRows, isProduct, packCodeRows } from "./code-rows.js";
import { conv2dKernel, describeConv2d } from "./conv2d.js";
import { type Correlation, emitCorrelation, layOutCorrelation, totalK } from "./correlation.js";
import { type Shares, shareFilters, shareOut } from "./share-filters.js";

/** What a plane of codes holds for a pixel, and how filters meet it; assembly/conv2d-codes.ts has the picture. */
interface Form {
  readonly kind: "pairs" | "lanes" | "nibbles" | "tables" | "shorts" | "bytes";
  /** Channels that share an element of a plane. */
  readonly channels: number;
  /** Tables, nibbles, lanes and shorts: steps that fit in the narrow sums. */
  readonly flush: number;
  /** Nibbles: products of every combination of weights with every nibble, 16 bytes each, in words. Tables: see halvesOf. */
  readonly table: readonly number[];
  /** Tables: entries of a step. */
  readonly entries: number;
  /** Lanes: bits of the field that holds the even row, and the steps whose sums fit beside it. */
  readonly lowBits: number;
  readonly piece: number;
}

/** As assembly/code-planes.ts numbers them. */
const kinds = { pairs: 0, nibbles: 1, lanes: 2, bytes: 3, shorts: 4, tables: 5 } as const;

/** What a field stands for; 0 for fields that no code has. */
const integerOf = ({ offset, step, levels }: CodeFormat, field: number): number =>
  field < levels ? offset + step * field : 0;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Values that a weight in the table may take: its codes, and "not there" behind them. */
const weightNumbers = (w: CodeFormat): number[] => [...range(2 ** w.bits).map((field) => integerOf(w, field)), 0];

const pairs: Form = { kind: "pairs", channels: 2, flush: 0, table: [], entries: 0, lowBits: 0, piece: 0 };

const MOST_TABLE_ROWS = 640;
const FEWEST_STEPS = 4;

/** Products looked up: activations of 1 or 2 bits, where sums fit in 16 bits. */
function nibbles({ x, w }: Conv2dCodesOptions): Form | undefined {
  const channels = x.bits === 1 ? 4 : 2;
  const numbers = weightNumbers(w);
  if (x.bits > 2 || numbers.length ** channels > MOST_TABLE_ROWS) return undefined;
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

/** Codes of a pixel share 6 bits, and those of half its channels index 16 bytes. */
const MOST_ELEMENT_BITS = 6;
const MOST_HALF_BITS = 4;
const MOST_ENTRIES = 128;
const ENTRY_BYTES = 32;
const MOST_BLOCK_BYTES = 32 * 1024;

/** What every combination of weights of some channels adds, for every combination of their codes: rows of 16 bytes. */
function productRows({ x, w }: Conv2dCodesOptions, channels: number, present: number): number[][] {
  return range(w.levels ** channels).map((index) =>
    range(16).map((codes) =>
      range(channels).reduce((sum, channel) => {
        if (channel >= present) return sum;
        const weight = integerOf(w, Math.floor(index / w.levels ** channel) % w.levels);
        const field = codes >> (channel * x.bits);
        return (
          sum + (field < 2 ** (x.bits * (channels - channel)) ? weight * integerOf(x, field & (2 ** x.bits - 1)) : 0)
        );
      }, 0),
    ),
  );
}

/** Sums of `channels` channels, where those of a filter fit in 16 bits, as assembly/sum-tables.ts makes them: the rows of both halves, for whole elements and for a last one with fewer. */
function tables(call: UnplacedCall, channels: number): Form | undefined {
  const options = call.attributes as Conv2dCodesOptions;
  const { x, w } = options;
  const [, C, R, S] = call.inputs[1].shape;
  const lowChannels = Math.ceil(channels / 2);
  const entries = w.levels ** channels;
  if (entries > MOST_ENTRIES || channels * x.bits > MOST_ELEMENT_BITS || lowChannels * x.bits > MOST_HALF_BITS)
    return undefined;
  const rowsFor = (present: number) => [
    ...productRows(options, lowChannels, present),
    ...productRows(options, channels - lowChannels, present - lowChannels),
  ];
  const [whole, last] = [rowsFor(channels), rowsFor(C % channels)];
  const lowRows = w.levels ** lowChannels;
  const largest = (rows: readonly number[][]) => Math.max(...rows.flat().map(Math.abs));
  const flush = Math.min(
    Math.floor(127 / Math.max(1, largest(whole.slice(0, lowRows)) + largest(whole.slice(lowRows)))),
    Math.floor(MOST_BLOCK_BYTES / (entries * ENTRY_BYTES)),
  );
  if (flush < FEWEST_STEPS) return undefined;
  const head = [lowRows, whole.length - lowRows, lowChannels * x.bits, Math.floor(C / channels) * R * S];
  const rows = [...whole, ...last].flat();
  const table = [...head, ...new Int32Array(Int8Array.from(rows).buffer)];
  return { ...pairs, kind: "tables", channels, flush, entries, table };
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

/**
 * Cycles that a step of 32 pixels takes: an entry made, a row of a half looked up for it, then four rows of filters by each form. Measured
 * on a Zen 3 without VNNI (Node 20), shorts and bytes scaled from a Xeon with it. Products looked up take 9 there and 20 on the Xeon, which
 * feels that swizzles load a constant each: 13 lies between.
 */
const cycles = {
  entry: 1.2,
  halfRow: 3.5,
  tables: 7,
  nibbles: 13,
  lanes: 15,
  shorts: 14,
  bytes: 27,
  pairs: 20,
} as const;

/** Cycles of 32 pixels, before any filter and for each, a tap. */
function costOf({ kind, channels, entries, table }: Form, C: number): { readonly made: number; readonly row: number } {
  const steps = Math.ceil(C / channels);
  const made = kind === "tables" ? steps * (cycles.entry * entries + cycles.halfRow * (table[0] + table[1])) : 0;
  return { made, row: (steps * cycles[kind]) / 4 };
}

/** The forms that are exact for a convolution, with what 32 pixels of it take in each: fewest cycles first. */
function exactForms(call: UnplacedCall, dots: Dots): { readonly form: Form; readonly total: number }[] {
  const options = call.attributes as Conv2dCodesOptions & { readonly groups: number };
  const [M, C, R, S] = call.inputs[1].shape;
  const fitsShorts = accumulatorBound(call.inputs[1].shape, options) < 2 ** 15;
  return [
    ...(fitsShorts ? [nibbles(options), ...range(5).map((i) => tables(call, i + 2))] : []),
    ...[bytes(options, dots.bytes), shorts(options, dots.shorts), lanes(options), pairs],
  ]
    .filter((form) => form !== undefined)
    .map((form) => {
      const { made, row } = costOf(form, C);
      return { form, total: (made + row * roundUp(M / options.groups, 4)) * R * S };
    })
    .sort((a, b) => a.total - b.total);
}

const formOf = (call: UnplacedCall, dots: Dots): Form => exactForms(call, dots)[0].form;

/** What a form does with these codes. */
function describeForm({ kind, channels, entries, flush, lowBits }: Form, { x, w }: Conv2dCodesOptions): string {
  if (kind === "tables")
    return `${entries} sums of ${channels} channels made once for all filters, ${flush} to a sum of 8 bits`;
  if (kind === "nibbles") return `products of ${channels} channels looked up, ${flush} to a sum of 8 bits`;
  if (kind === "bytes") return "this processor takes dot products of four bytes, exactly";
  if (kind === "shorts") return `dot products of two bytes are exact here, ${flush} to a sum of 16 bits`;
  if (kind === "lanes") return `two filters in 16 bits: ${flush} products fit in the low ${lowBits}`;
  return `products of ${w.bits} × ${x.bits} bits leave no room beside them: int16 pairs`;
}

/** What the choice rests on: the form, and the cycles of all that would be exact. */
function reasonFor(call: UnplacedCall, dots: Dots): string {
  const forms = exactForms(call, dots);
  const fastest = forms.filter(({ form: { kind } }, i) => forms.findIndex(({ form }) => form.kind === kind) === i);
  const cycles = fastest.map(({ form: { kind }, total }) => `${layouts[kind].tile} ${Math.round(total)}`);
  const chosen = describeForm(forms[0].form, call.attributes as Conv2dCodesOptions);
  return `${chosen}; cycles for 32 pixels: ${cycles.join(", ")}`;
}

/** Of each form: its packer, bytes of a filter's k, bytes of a plane's element, whether sums of rows follow the panels, its tile. */
const layouts = {
  pairs: { packer: PACK_FILTER_PAIRS, panelBytes: 4, elementBytes: 4, hasSums: false, tile: "dot16" },
  lanes: { packer: PACK_FILTER_PAIRS, panelBytes: 2, elementBytes: 4, hasSums: false, tile: "lanes" },
  tables: { packer: PACK_FILTER_ENTRIES, panelBytes: 2, elementBytes: 1, hasSums: false, tile: "tables" },
  nibbles: { packer: PACK_FILTER_NIBBLES, panelBytes: 2, elementBytes: 1, hasSums: false, tile: "nibbles" },
  shorts: { packer: PACK_FILTER_BYTES, panelBytes: 4, elementBytes: 2, hasSums: true, tile: "dot8-short" },
  bytes: { packer: PACK_FILTER_BYTES, panelBytes: 4, elementBytes: 4, hasSums: true, tile: "dot8" },
} as const;

/** What decides beside a call: the relaxed dot products of bytes that are exact here, and the threads that want chunks. */
export interface Machine {
  readonly dots: Dots;
  readonly threads: number;
}

interface Described {
  readonly correlation: Correlation;
  readonly form: Form;
  readonly channels: number;
  readonly taps: number;
  readonly K: number;
  /** Of the panels of a group. */
  readonly groupBytes: number;
  readonly shares: Shares;
}

/** The convolution with channels taken together as planes hold them. */
function describe(call: UnplacedCall, { dots, threads }: Machine): Described {
  const [, channels, R, S] = call.inputs[1].shape;
  const form = formOf(call, dots);
  const plain = describeConv2d(call);
  const sourceChannels = Math.ceil(channels / form.channels);
  const isByteWide = layouts[form.kind].elementBytes === 1;
  const shares = isByteWide
    ? shareOut(plain, costOf(form, channels), threads)
    : shareFilters({ ...plain, sourceChannels }, threads);
  const correlation = { ...plain, sourceChannels, bandRows: shares.bandRows };
  const K = totalK(layOutCorrelation(correlation));
  const rows = roundUp(correlation.outChannels, 4);
  const { panelBytes, hasSums } = layouts[form.kind];
  const groupBytes = rows * (K * panelBytes + (hasSums ? 4 : 0));
  return { correlation, form, channels, taps: R * S, K, groupBytes, shares };
}

function emitPacking(call: UnplacedCall, { of, packed }: Places, machine: Machine): Instruction[] {
  const { correlation, form, channels, taps, K, groupBytes } = describe(call, machine);
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
    ...[form.kind === "tables" ? w.levels : weightNumbers(w).length, form.channels, 15, form.flush, ...table],
  ];
  return [{ opcode: layouts[form.kind].packer, chunks: groups, words, scratchBytes: 0 }];
}

function emitCodes(call: UnplacedCall, { of, packed }: Places, machine: Machine): Instruction[] {
  const { correlation, form, channels, groupBytes, shares } = describe(call, machine);
  const { x } = call.attributes as Conv2dCodesOptions;
  const { kind, flush, lowBits, piece, table, entries } = form;
  const extra = [
    ...[kinds[kind], x.offset, x.step, channels, form.channels, x.bits, flush, lowBits, piece, 43, groupBytes],
    ...[shares.filters, shares.count],
    ...table,
  ];
  const { bandRows, pitch } = layOutCorrelation(correlation);
  const sumBytes = kind === "tables" ? shares.filters * (roundUp(bandRows * pitch, 32) + 64) * 2 : 0;
  const entryBytes = kind === "tables" ? (table[1] + flush * entries) * ENTRY_BYTES : 0;
  return emitCorrelation(
    correlation,
    { source: of(call.inputs[0]), packed, out: of(call.outputs[0]) },
    {
      ...{ opcode: CORRELATE_CODES, elementBytes: layouts[kind].elementBytes, extra, shares: shares.count },
      extraScratchBytes: 256 + sumBytes + entryBytes,
    },
  );
}

const EXACT_IN_F32 = 2 ** 24;

const isHeldInF32 = ({ inputs: [x] }: UnplacedCall): boolean => x.dtype === "f32";

/**
 * Codes held in f32 take the f32 convolution, which is exact here; packed ones the fastest form that is exact, and rows of codes one of
 * their own: of a tile of 32 pixels they would fill one.
 *
 * @param machine  what decides between the forms, beside the call
 */
export const conv2dCodesKernel = (machine: Machine): Kernel =>
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
        if (isProduct(call)) return codeRowsBytes(call);
        const { correlation, groupBytes } = describe(call, machine);
        return correlation.groups * groupBytes;
      },
      emit: (call, places) => {
        if (isHeldInF32(call)) return conv2dKernel.packing?.emit(call, places) ?? [];
        return isProduct(call) ? packCodeRows(call, places) : emitPacking(call, places, machine);
      },
    },
    emit: (call, places) => {
      if (isHeldInF32(call)) return conv2dKernel.emit(call, places);
      return isProduct(call) ? emitCodeRows(call, places, machine.threads) : emitCodes(call, places, machine);
    },
    name: (call) => {
      if (isHeldInF32(call)) return "conv2d-codes-f32-direct";
      const options = call.attributes as Conv2dCodesOptions;
      const tile = isProduct(call) ? describeCodeRows(options).form : layouts[formOf(call, machine.dots).kind].tile;
      return `conv2d-codes-w${options.w.bits}a${options.x.bits}-${tile}`;
    },
    reason: (call) => {
      if (isHeldInF32(call)) return "codes held in f32: every sum is exact there";
      if (isProduct(call)) return describeCodeRows(call.attributes as Conv2dCodesOptions).reason;
      return reasonFor(call, machine.dots);
    },
  });
