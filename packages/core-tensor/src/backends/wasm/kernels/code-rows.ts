import type { Conv2dCodesOptions } from "../../../ops/codes.js";
import { type CodeFormat, largestInteger } from "../../../packed/code-format.js";
import { CODE_ROW_BYTES, CODE_ROW_NIBBLES, PACK_CODE_ROW_BYTES, PACK_CODE_ROW_NIBBLES } from "../assembly/opcodes.js";
import { type Instruction, type Places, roundUp, type UnplacedCall } from "../instruction.js";

// Products of codes, and convolutions whose images are one pixel under one tap: assembly/code-rows.ts has the picture.

/** Channels in a nibble, how many steps fit in narrow sums, and what each channel adds for each field of x. */
interface Nibbles {
  readonly channels: number;
  /** Bits of a channel in a nibble. */
  readonly slot: number;
  /** Steps of two nibbles whose sums fit in 8 bits, and in 16. */
  readonly flush: number;
  readonly piece: number;
  readonly tables: readonly number[];
}

const PANEL = 64;
/** Rows that meet a panel before the next. */
const CHUNK_ROWS = 16;
/** Fewest filters for which a thread makes the tables of a row again. */
const FEWEST_FILTERS = 256;
/** Below this many steps to a flush the flushes cost more than bytes do. */
const FEWEST_STEPS = 3;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const integerOf = ({ offset, step, levels }: CodeFormat, field: number): number =>
  field < levels ? offset + step * field : 0;

/** undefined where a few products do not fit in 8 bits. */
function nibblesOf({ x, w }: Conv2dCodesOptions): Nibbles | undefined {
  if (w.bits > 4) return undefined;
  const channels = w.bits > 2 ? 1 : 4 / w.bits;
  const slot = 4 / channels;
  const largest = Math.max(1, channels * largestInteger(w) * largestInteger(x));
  const flush = Math.floor(127 / largest);
  if (flush < FEWEST_STEPS) return undefined;
  const piece = Math.floor((2 ** 15 - 1) / (2 * largest));
  const rows = range(channels).flatMap((channel) =>
    range(2 ** x.bits).map((field) =>
      range(16).map((codes) => integerOf(w, (codes >> (channel * slot)) & (2 ** slot - 1)) * integerOf(x, field)),
    ),
  );
  return { channels, slot, flush, piece, tables: [...new Int32Array(Int8Array.from(rows.flat()).buffer)] };
}

const sizes = ({ inputs: [{ shape: x }, { shape: w }] }: UnplacedCall) => ({ N: x[0], M: w[0], K: w[1] });

/** Whether images are one pixel under one tap: a product of matrices. */
export function isProduct({ inputs: [{ shape: x }, { shape: w }], attributes }: UnplacedCall): boolean {
  const { padding } = attributes as Conv2dCodesOptions & { readonly padding: readonly number[] };
  return (
    [...x.slice(2), ...w.slice(2)].every((size) => size === 1) && x[1] === w[1] && padding.every((each) => each === 0)
  );
}

export function codeRowsBytes(call: UnplacedCall): number {
  const { M, K } = sizes(call);
  const nibbles = nibblesOf(call.attributes as Conv2dCodesOptions);
  if (nibbles) return roundUp(M, PANEL) * Math.ceil(K / (2 * nibbles.channels));
  return roundUp(M, 4) * roundUp(K, 8);
}

export function packCodeRows(call: UnplacedCall, { of, packed }: Places): Instruction[] {
  const { M, K } = sizes(call);
  const options = call.attributes as Conv2dCodesOptions;
  const nibbles = nibblesOf(options);
  const words = [of(call.inputs[1]), packed, M, K, options.w.bits];
  if (!nibbles) return [{ opcode: PACK_CODE_ROW_BYTES, chunks: Math.ceil(M / 4), words, scratchBytes: 0 }];
  const { channels, slot } = nibbles;
  const chunks = Math.ceil(M / PANEL);
  return [{ opcode: PACK_CODE_ROW_NIBBLES, chunks, words: [...words, channels, slot], scratchBytes: 0 }];
}

/** @param threads  that want chunks where there are few rows: sums are exact, whoever computes them */
export function emitCodeRows(call: UnplacedCall, { of, packed }: Places, threads: number): Instruction[] {
  const { N, M, K } = sizes(call);
  const { x, w } = call.attributes as Conv2dCodesOptions;
  const nibbles = nibblesOf({ x, w });
  const together = nibbles ? PANEL : 4;
  const down = Math.ceil(N / CHUNK_ROWS);
  const wanted = Math.max(1, Math.min(Math.ceil(threads / Math.max(1, down)), Math.floor(M / FEWEST_FILTERS)));
  const chunkPanels = Math.max(1, Math.ceil(Math.ceil(M / together) / wanted));
  const across = Math.ceil(Math.ceil(M / together) / chunkPanels);
  const rows = Math.min(N, CHUNK_ROWS);
  const head = [of(call.inputs[0]), packed, of(call.outputs[0]), N, M, K, CHUNK_ROWS, chunkPanels, across];
  if (!nibbles) {
    const words = [...head, x.offset, x.step, w.offset, w.step];
    const scratchBytes = rows * (roundUp(K, 8) * 2 + 16);
    return [{ opcode: CODE_ROW_BYTES, chunks: down * across, words, scratchBytes }];
  }
  const { channels, flush, piece, tables } = nibbles;
  const words = [...head, channels, x.bits, flush, piece, 14, ...tables];
  const scratchBytes = 384 + rows * Math.ceil(K / (2 * channels)) * 32;
  return [{ opcode: CODE_ROW_NIBBLES, chunks: down * across, words, scratchBytes }];
}

/** As a kernel's name ends, and why. */
export function describeCodeRows(options: Conv2dCodesOptions): { readonly form: string; readonly reason: string } {
  const nibbles = nibblesOf(options);
  if (!nibbles) return { form: "rows-dot16", reason: "a product of rows: products do not fit in 8 bits, int16 pairs" };
  const { channels, flush } = nibbles;
  return {
    form: "rows-nibbles",
    reason: `a product of rows: ${channels} channels of 16 filters looked up at once in a table of the row's, ${flush} to a sum of 8 bits`,
  };
}
