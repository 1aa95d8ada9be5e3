import type { Conv2dAttributes } from "../../../ops/conv2d.js";
import { CORRELATE, PACK_FILTERS } from "../assembly/opcodes.js";
import { type Instruction, type Packing, roundUp, type UnplacedCall } from "../instruction.js";

// The geometry of convolutions over padded planes; assembly/planes.ts has the picture. One axis at a time, then both.

/** One tap as an output phase reaches it: plane `phase`, `shift` places on. */
interface Tap {
  readonly index: number;
  readonly phase: number;
  readonly shift: number;
}

/** Outputs first, first + step, … (`count` of them), all reached by the same taps. */
interface OutputPhase {
  readonly first: number;
  readonly count: number;
  readonly taps: readonly Tap[];
}

/** Along one axis: plane `phase` holds source places i · step + phase − pad; outputs lie `outputStep` apart within a phase. */
interface Axis {
  readonly size: number;
  readonly step: number;
  readonly pad: number;
  readonly outputStep: number;
  readonly outputs: readonly OutputPhase[];
}

/** Output o reads source places o · stride + tap · dilation − pad. */
export function forwardAxis(
  size: number,
  count: number,
  taps: number,
  stride: number,
  dilation: number,
  pad: number,
): Axis {
  const reached = Array.from({ length: taps }, (_, index) => ({
    index,
    phase: (index * dilation) % stride,
    shift: Math.floor((index * dilation) / stride),
  }));
  return { size, step: stride, pad, outputStep: 1, outputs: [{ first: 0, count, taps: reached }] };
}

/** Place y of dx gets from dy at (y + pad − tap · dilation) / stride, where that is whole; which taps, hangs on y mod stride. */
export function backwardAxis(
  size: number,
  count: number,
  taps: number,
  stride: number,
  dilation: number,
  pad: number,
): Axis {
  const phases = Array.from({ length: Math.min(stride, count) }, (_, first) => {
    const whole = Array.from({ length: taps }, (_, index) => ({
      index,
      at: (first + pad - index * dilation) / stride,
    }));
    return { first, count: Math.ceil((count - first) / stride), taps: whole.filter(({ at }) => Number.isInteger(at)) };
  });
  const before = Math.max(0, ...phases.flatMap((phase) => phase.taps.map(({ at }) => -at)));
  const outputs = phases.map(({ first, count, taps }) => ({
    first,
    count,
    taps: taps.map(({ index, at }) => ({ index, phase: 0, shift: at + before })),
  }));
  return { size, step: 1, pad: before, outputStep: stride, outputs };
}

const tapsOf = (axis: Axis): readonly Tap[] => axis.outputs.flatMap(({ taps }) => taps);
const furthestShift = (axis: Axis): number => Math.max(0, ...tapsOf(axis).map(({ shift }) => shift));
const longest = (axis: Axis): number => Math.max(...axis.outputs.map(({ count }) => count));
const phasesOf = (axis: Axis): number[] => [...new Set(tapsOf(axis).map(({ phase }) => phase))].sort((a, b) => a - b);

/** Floats from one row of a plane to the next. */
export const pitchOf = (columns: Axis): number => rowOf(columns).pitch;

/** A plane's row: enough zeros at its left end to serve as the right end of the row before. */
function rowOf(axis: Axis): { pitch: number; leadingZeros: number } {
  const last = Math.max(0, ...axis.outputs.flatMap(({ count, taps }) => taps.map(({ shift }) => count - 1 + shift)));
  const phases = phasesOf(axis);
  const leadingZeros = Math.min(
    last + 1,
    ...phases.map((phase) => Math.max(0, Math.ceil((axis.pad - phase) / axis.step))),
  );
  const lastContent = Math.min(
    last,
    ...[Math.max(0, ...phases.map((phase) => Math.floor((axis.size - 1 + axis.pad - phase) / axis.step)))],
  );
  return { pitch: Math.max(lastContent + 1, last + 1 - leadingZeros, longest(axis)), leadingZeros };
}

/** Vectors of a tile, and what a run reads past its end. */
const TILE = 16;
const WIDEST_TILE = 32;
/** Rows of the highest tile. */
const TILE_ROWS = 6;

/** Planes of one image: everything that the kernels must know about their layout. */
export interface Planes {
  readonly phases: readonly (readonly [number, number])[];
  readonly pitch: number;
  readonly rowShift: number;
  /** Rows of outputs in one band, and floats of one plane of it. */
  readonly bandRows: number;
  readonly bands: number;
  readonly floats: number;
  /** Bytes from the first plane to the value that each k meets at output 0, by output phase [row][column]. */
  readonly ranges: readonly Range[];
}

/** K of one output phase: which (channel, tap row, tap column), and the shift of each. */
export interface Range {
  readonly row: OutputPhase;
  readonly column: OutputPhase;
  readonly shifts: readonly number[];
  readonly taps: readonly { readonly channel: number; readonly r: number; readonly s: number }[];
}

/** An odd number of cache lines: planes of many channels then spread over all sets of the cache. */
function planeFloats(rows: number, pitch: number, leadingZeros: number): number {
  const lines = Math.ceil((rows * pitch + leadingZeros + TILE) / 16);
  return (lines % 2 === 0 ? lines + 1 : lines) * 16;
}

export interface PlaneOptions {
  readonly channels: number;
  /** Bands are cut so that the planes of one fit in here. */
  readonly maxBytes: number;
  /** Bands are cut further while there are fewer than this, and each keeps this many outputs. */
  readonly leastBands: number;
  /** Rows of a band, where they do not follow from the above. */
  readonly bandRows?: number;
}

const LEAST_PIXELS = 128;

export function layOutPlanes(
  rows: Axis,
  columns: Axis,
  { channels, maxBytes, leastBands, ...options }: PlaneOptions,
): Planes {
  const { pitch, leadingZeros } = rowOf(columns);
  const rowShift = furthestShift(rows);
  const phases = phasesOf(rows).flatMap((fy) => phasesOf(columns).map((fx) => [fy, fx] as const));
  const height = longest(rows);
  const rowBytes = Math.max(1, channels * phases.length * pitch * 4);
  const byMemory = Math.max(1, Math.floor(maxBytes / rowBytes) - rowShift);
  const byWork = Math.max(Math.ceil(height / leastBands), Math.ceil(LEAST_PIXELS / pitch));
  const bandRows = options.bandRows ?? Math.min(height, byMemory, byWork);
  const floats = planeFloats(bandRows + rowShift, pitch, leadingZeros);
  const planeOf = new Map(phases.map(([fy, fx], index) => [`${fy},${fx}`, index]));
  const ranges = rows.outputs.flatMap((row) =>
    columns.outputs.map((column) => {
      const taps: Range["taps"][number][] = [];
      const shifts: number[] = [];
      for (let channel = 0; channel < channels; channel++) {
        for (const r of row.taps) {
          for (const s of column.taps) {
            const plane = channel * phases.length + (planeOf.get(`${r.phase},${s.phase}`) as number);
            taps.push({ channel, r: r.index, s: s.index });
            shifts.push((plane * floats + r.shift * pitch + s.shift) * 4);
          }
        }
      }
      return { row, column, shifts, taps };
    }),
  );
  return { phases, pitch, rowShift, bandRows, bands: Math.ceil(height / bandRows), floats, ranges };
}

/** A convolution or its input gradient, as the kernel sees it: `source` planes times `filters`. */
export interface Correlation {
  readonly images: number;
  readonly groups: number;
  /** Of one group. */
  readonly sourceChannels: number;
  readonly outChannels: number;
  readonly rows: Axis;
  readonly columns: Axis;
  readonly outSize: readonly [number, number];
  /** Where in its filters the weight of an output channel, a source channel and a tap lies, in floats. */
  readonly filterRowStride: number;
  readonly filterGroupStride: number;
  filterOffset(channel: number, r: number, s: number): number;
  /** Rows of outputs in a band, where the kernel wants to choose them. */
  readonly bandRows?: number;
}

const PLANES_BYTES = 384 * 1024;
const LEAST_CHUNKS = 16;

export function layOutCorrelation(correlation: Correlation): Planes {
  const { rows, columns, sourceChannels, images, groups, bandRows } = correlation;
  const leastBands = Math.max(1, Math.ceil(LEAST_CHUNKS / Math.max(1, images * groups)));
  return layOutPlanes(rows, columns, { channels: sourceChannels, maxBytes: PLANES_BYTES, leastBands, bandRows });
}

export const totalK = ({ ranges }: Planes): number => ranges.reduce((sum, { shifts }) => sum + shifts.length, 0);

/** Planes that need no copy: one tap, nothing padded, and channels that do not all fall in the same sets of the cache. */
function canReadInPlace({ rows, columns }: Correlation, { phases, ranges }: Planes): boolean {
  const isPlain = [rows, columns].every(
    ({ step, pad, outputStep, outputs }) => step === 1 && pad === 0 && outputStep === 1 && outputs[0].taps.length === 1,
  );
  return isPlain && phases.length === 1 && ranges.length === 1 && (rows.size * columns.size) % 64 !== 0;
}

/** Filters [rows, K] in pairs of rows, in the order in which the taps of each output phase meet them. */
export function correlationPacking(describe: (call: UnplacedCall) => Correlation, input: number): Packing {
  return {
    input,
    bytes: (call) => {
      const correlation = describe(call);
      return correlation.groups * roundUp(correlation.outChannels, 4) * totalK(layOutCorrelation(correlation)) * 4;
    },
    emit: (call, places) => {
      const { outChannels, groups, filterRowStride, filterGroupStride, filterOffset } = describe(call);
      const planes = layOutCorrelation(describe(call));
      const K = totalK(planes);
      const offsets = planes.ranges.flatMap(({ taps }) => taps.map(({ channel, r, s }) => filterOffset(channel, r, s)));
      const head = [places.of(call.inputs[input]), places.packed, outChannels, K, filterRowStride, filterGroupStride];
      const words = [...head, roundUp(outChannels, 4) * K, head.length + 2, ...offsets];
      return [{ opcode: PACK_FILTERS, chunks: groups, words, scratchBytes: 0 }];
    },
  };
}

interface Pointers {
  readonly source: number;
  readonly packed: number;
  readonly out: number;
}

/** How many bytes an element of a plane takes, and what follows the 30 words that all forms of the kernel share. */
interface PlaneForm {
  readonly opcode: number;
  readonly elementBytes: number;
  readonly extra: readonly number[];
  readonly extraScratchBytes: number;
  /** Chunks that take a share of the filters each. */
  readonly shares: number;
}

const f32Form: PlaneForm = { opcode: CORRELATE, elementBytes: 4, extra: [], extraScratchBytes: 0, shares: 1 };

export function emitCorrelation(
  correlation: Correlation,
  { source, packed, out }: Pointers,
  form: PlaneForm = f32Form,
): Instruction[] {
  const { images, groups, sourceChannels, outChannels, rows, columns, outSize } = correlation;
  const planes = layOutCorrelation(correlation);
  const inPlace = form === f32Form && canReadInPlace(correlation, planes);
  const floats = inPlace ? rows.size * columns.size : planes.floats;
  const shifts = planes.ranges.flatMap((range) =>
    inPlace
      ? range.taps.map(({ channel }) => channel * floats * 4)
      : range.shifts.map((shift) => (shift / 4) * form.elementBytes),
  );
  const phasesAt = 30 + form.extra.length;
  const rangesAt = phasesAt + planes.phases.length * 2;
  const shiftsAt = rangesAt + planes.ranges.length * 6;
  const planeBytes = inPlace ? 0 : roundUp(sourceChannels * planes.phases.length * floats * form.elementBytes, 64);
  const tileFloats = roundUp(planes.bandRows * planes.pitch, WIDEST_TILE) + WIDEST_TILE;
  let firstK = 0;
  const ranges = planes.ranges.flatMap(({ row, column, shifts }) => {
    const words = [firstK, shifts.length, row.count, column.count, row.first, column.first];
    firstK += shifts.length;
    return words;
  });
  return [
    {
      opcode: form.opcode,
      chunks: images * groups * planes.bands * form.shares,
      words: [
        ...[source, packed, out, groups, sourceChannels, rows.size, columns.size],
        ...[rows.step, columns.step, rows.pad, columns.pad, planes.pitch, floats, outChannels, ...outSize],
        ...[rows.outputStep, columns.outputStep, firstK, planes.bandRows, planes.bands, planes.rowShift],
        ...[
          planes.phases.length,
          phasesAt,
          planes.ranges.length,
          rangesAt,
          shiftsAt,
          planeBytes,
          tileFloats,
          inPlace ? 1 : 0,
        ],
        ...form.extra,
        ...planes.phases.flat(),
        ...ranges,
        ...shifts,
      ],
      scratchBytes: planeBytes + TILE_ROWS * tileFloats * 4 + form.extraScratchBytes,
    },
  ];
}

/** Window attributes along both axes. */
export function axes(
  make: typeof forwardAxis,
  source: readonly [number, number],
  outputs: readonly [number, number],
  taps: readonly [number, number],
  { stride, dilation, padding }: Conv2dAttributes,
): [Axis, Axis] {
  return [
    make(source[0], outputs[0], taps[0], stride[0], dilation[0], padding[0]),
    make(source[1], outputs[1], taps[1], stride[1], dilation[1], padding[2]),
  ];
}
