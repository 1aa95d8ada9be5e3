import { batchMoments, batchNormalise, batchNormaliseGradient, batchNormaliseGradientSums } from "./batch-norm-f32";
import { packFilterBytes, packFilterEntries, packFilterNibbles, packFilterPairs } from "./code-filters";
import { codeRowBytes, codeRowNibbles, packCodeRowBytes, packCodeRowNibbles } from "./code-rows";
import { correlateCodes } from "./conv2d-codes";
import { correlate, packFilters } from "./conv2d-f32";
import { correlateWeights, sumPartials } from "./conv2d-weight-gradient-f32";
import { fusedElementwise } from "./fused-elementwise";
import { matmulTiles, packColumns, packRows } from "./matmul-f32";
import * as op from "./opcodes";
import { packCodes, unpackCodes } from "./pack-codes";
import { averagePool, averagePoolGradient, maxPool, maxPoolGradient } from "./pool";
import { argmax, reduce } from "./reduce-f32";
import { softmaxRows } from "./softmax-f32";
import { fillZeros, gatherRows, scatterRows, stridedCopy } from "./strided-copy";
import { packWinograd, winograd } from "./winograd-f32";

// A program is a run of words: instructions [opcode, words, chunks, ...arguments], then END. Every instruction is cut into
// chunks by its shape alone; who computes a chunk changes no bit of it.

/** Milliseconds of a monotonic clock. */
@external("env", "now")
declare function now(): f64;

/**
 * Sleeps until the word at `pointer` is no longer `seen`, at most 20 ms. The host waits, with Atomics.wait: memory.atomic.wait32
 * in the baseline tier of V8 11.3 (Node 20) sometimes never returns.
 */
@external("env", "wait")
declare function wait(pointer: usize, seen: i32): void;

function execute(opcode: i32, args: usize, chunk: i32, scratch: usize): void {
  switch (opcode) {
    case op.FUSED_ELEMENTWISE: fusedElementwise(args, chunk, scratch); break;
    case op.PACK_ROWS: packRows(args, chunk); break;
    case op.PACK_COLUMNS: packColumns(args, chunk); break;
    case op.MATMUL_TILES: matmulTiles(args, chunk, scratch); break;
    case op.PACK_FILTERS: packFilters(args, chunk); break;
    case op.CORRELATE: correlate(args, chunk, scratch); break;
    case op.CORRELATE_WEIGHTS: correlateWeights(args, chunk, scratch); break;
    case op.SUM_PARTIALS: sumPartials(args, chunk); break;
    case op.BATCH_MOMENTS: batchMoments(args, chunk); break;
    case op.BATCH_NORMALISE: batchNormalise(args, chunk); break;
    case op.BATCH_NORMALISE_GRADIENT_SUMS: batchNormaliseGradientSums(args, chunk); break;
    case op.BATCH_NORMALISE_GRADIENT: batchNormaliseGradient(args, chunk); break;
    case op.REDUCE: reduce(args, chunk); break;
    case op.ARGMAX: argmax(args, chunk); break;
    case op.SOFTMAX_ROWS: softmaxRows(args, chunk, scratch); break;
    case op.MAX_POOL_F32: maxPool<f32>(args, chunk, scratch); break;
    case op.MAX_POOL_U8: maxPool<u8>(args, chunk, scratch); break;
    case op.MAX_POOL_GRADIENT: maxPoolGradient(args, chunk); break;
    case op.AVERAGE_POOL: averagePool(args, chunk); break;
    case op.AVERAGE_POOL_GRADIENT: averagePoolGradient(args, chunk); break;
    case op.STRIDED_COPY: stridedCopy(args, chunk); break;
    case op.FILL_ZEROS: fillZeros(args, chunk); break;
    case op.GATHER_ROWS: gatherRows(args, chunk); break;
    case op.SCATTER_ROWS: scatterRows(args, chunk); break;
    case op.PACK_FILTER_PAIRS: packFilterPairs(args, chunk); break;
    case op.PACK_FILTER_NIBBLES: packFilterNibbles(args, chunk); break;
    case op.PACK_FILTER_BYTES: packFilterBytes(args, chunk); break;
    case op.PACK_FILTER_ENTRIES: packFilterEntries(args, chunk); break;
    case op.CORRELATE_CODES: correlateCodes(args, chunk, scratch); break;
    case op.PACK_CODE_ROW_NIBBLES: packCodeRowNibbles(args, chunk); break;
    case op.PACK_CODE_ROW_BYTES: packCodeRowBytes(args, chunk); break;
    case op.CODE_ROW_NIBBLES: codeRowNibbles(args, chunk, scratch); break;
    case op.CODE_ROW_BYTES: codeRowBytes(args, chunk, scratch); break;
    case op.PACK_WINOGRAD: packWinograd(args, chunk); break;
    case op.WINOGRAD: winograd(args, chunk, scratch); break;
    case op.PACK_CODES: packCodes(args, chunk); break;
    case op.UNPACK_CODES: unpackCodes(args, chunk); break;
    default: unreachable();
  }
}

/**
 * Runs a program on the calling thread until it ends (returns 1) or the deadline has passed (returns 0). `state` holds where
 * to go on: bytes into the program, next chunk; both 0 at first.
 */
export function runAlone(program: usize, state: usize, scratch: usize, deadline: f64): i32 {
  let at = program + <usize>load<u32>(state);
  let chunk = load<i32>(state, 4);
  for (;;) {
    const opcode = load<i32>(at);
    if (opcode == op.END) return 1;
    const chunks = load<i32>(at, 8);
    while (chunk < chunks) {
      execute(opcode, at + (op.HEADER_WORDS << 2), chunk++, scratch);
      if (now() > deadline) {
        store<u32>(state, <u32>(at - program));
        store<i32>(state, chunk, 4);
        return 0;
      }
    }
    chunk = 0;
    at += <usize>load<u32>(at, 4) << 2;
  }
  return 1;
}

const SPINS: i32 = 2000;
/** The counters of instructions start a cache line after the flag that calls a run off. */
const FIRST_COUNTERS: usize = 64;

/**
 * Runs a program together with `threads` − 1 others that call this at the same time. `sync` is zero at first: a flag that calls the
 * run off, then for each instruction the next chunk to take and the threads that are done. Returns 0, or 1 when called off.
 */
export function runTogether(program: usize, sync: usize, threads: i32, scratch: usize): i32 {
  if (!ASC_FEATURE_THREADS) return 1;
  let at = program;
  let counters = sync + FIRST_COUNTERS;
  for (;;) {
    const opcode = load<i32>(at);
    if (opcode == op.END) return 0;
    const chunks = load<i32>(at, 8);
    for (;;) {
      const chunk = atomic.add<i32>(counters, 1);
      if (chunk >= chunks) break;
      execute(opcode, at + (op.HEADER_WORDS << 2), chunk, scratch);
    }
    if (!arrive(counters + 4, sync, threads)) return 1;
    at += <usize>load<u32>(at, 4) << 2;
    counters += 8;
  }
  return 0;
}

/** Waits for all threads: a short spin, then sleep, looking up now and then in case one of them has died. */
function arrive(arrivals: usize, flag: usize, threads: i32): bool {
  if (atomic.add<i32>(arrivals, 1) + 1 == threads) {
    atomic.notify(arrivals, threads);
    return true;
  }
  for (let spin = 0; spin < SPINS; spin++) {
    if (atomic.load<i32>(arrivals) >= threads) return true;
  }
  for (;;) {
    const seen = atomic.load<i32>(arrivals);
    if (seen >= threads) return true;
    if (atomic.load<i32>(flag) != 0) return false;
    wait(arrivals, seen);
  }
  return true;
}
