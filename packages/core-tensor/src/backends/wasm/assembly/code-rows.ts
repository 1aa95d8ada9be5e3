import { field } from "./code-filters";

// Rows of codes times a matrix of codes, exact: out [N, M] = Σ_k w[m, k] · x[n, k]. Plain twin: conv2dCodes in src/ops/codes.ts, where an
// image is one pixel. The tiles of conv2d-codes.ts want 32 pixels that meet one filter; here many filters meet one row. Two forms:
//
//     nibbles    16 filters a vector, the codes of 4, 2 or 1 channels of a filter in 4 bits; a row makes a table for each such group:
//                table       [ Σ w·x of the group for 16 combinations of weights ]     channels past K add 0
//                swizzled by [ f0 f1 f2 … f15 ]                                        16 sums of 8 bits, widened every few steps
//                panel       64 filters: [pair of groups][64 bytes], the first group in the low bits, the second in the high ones
//     bytes      [four filters][8 channels][4 filters] fields of a byte, extended to 16 bits and multiplied in pairs; any codes
//
// A panel of nibbles meets all rows of a chunk before the next one: for K = 512 it takes 8 to 16 kB and stays in the first cache. Floor at one row: the bytes
// of the panels, K · M · bits / 8, from the cache that holds them; instructions: 12 for 16 bytes of nibbles, 3 for 8 weights in bytes.

/** Filters of a panel. */
const PANEL: i32 = 64;
const TABLE_BYTES: usize = 16;
/** Sums of a panel: 64 of 16 bits, then 64 of 32. */
const WIDE_AT: usize = 128;
const SUMS_BYTES: usize = 384;

/**
 * Arguments: 0 weights, 1 panels, 2 filters M, 3 K, 4 bits of a code, 5 channels of a group, 6 bits of a channel in a nibble. A chunk is a
 * panel of 64 filters. Filters and channels that are not there get field 0.
 */
export function packCodeRowNibbles(args: usize, panel: i32): void {
  const weights = <usize>load<u32>(args), M = load<i32>(args, 8), K = load<i32>(args, 12), bits = load<i32>(args, 16);
  const channels = load<i32>(args, 20), slot = load<i32>(args, 24);
  const steps = (K + 2 * channels - 1) / (2 * channels);
  let to = <usize>load<u32>(args, 4) + <usize>panel * <usize>steps * PANEL;
  for (let step = 0; step < steps; step++) {
    for (let m = panel * PANEL, end = m + PANEL; m < end; m++, to++) {
      let byte = 0;
      for (let i = 0; i < 2 * channels; i++) {
        const k = step * 2 * channels + i;
        if (m < M && k < K) byte |= field(weights, m * K + k, bits) << (i * slot);
      }
      store<u8>(to, <u8>byte);
    }
  }
}

/** Arguments: 0 weights, 1 panels, 2 filters M, 3 K, 4 bits of a code. A chunk is four filters. */
export function packCodeRowBytes(args: usize, quad: i32): void {
  const weights = <usize>load<u32>(args), M = load<i32>(args, 8), K = load<i32>(args, 12), bits = load<i32>(args, 16);
  const eights = (K + 7) >> 3;
  let to = <usize>load<u32>(args, 4) + (<usize>(quad * eights) << 5);
  for (let eight = 0; eight < eights; eight++) {
    for (let m = quad << 2, end = m + 4; m < end; m++) {
      for (let k = eight << 3, last = k + 8; k < last; k++, to++) store<u8>(to, m < M && k < K ? <u8>field(weights, m * K + k, bits) : 0);
    }
  }
}

/**
 * Arguments: 0 x [N, K] fields, 1 panels, 2 out [N, M], 3 N, 4 M, 5 K, 6 rows of a chunk, 7 panels of a chunk, 8 chunks across, 9 channels of a
 * group, 10 bits of a code of x, 11 steps between flushes, 12 steps whose sums fit in 16 bits, 13 place of the tables: for each channel of a
 * group and each field of x 16 bytes, what this channel adds for 16 combinations of weights.
 */
export function codeRowNibbles(args: usize, chunk: i32, scratch: usize): void {
  const N = load<i32>(args, 12), M = load<i32>(args, 16), K = load<i32>(args, 20);
  const chunkRows = load<i32>(args, 24), chunkPanels = load<i32>(args, 28), across = load<i32>(args, 32);
  const channels = load<i32>(args, 36), flush = load<i32>(args, 44), piece = load<i32>(args, 48);
  const steps = (K + 2 * channels - 1) / (2 * channels);
  const firstRow = (chunk / across) * chunkRows, rows = min(chunkRows, N - firstRow);
  const firstPanel = (chunk % across) * chunkPanels, endPanel = min(firstPanel + chunkPanels, (M + PANEL - 1) / PANEL);
  const tables = scratch + SUMS_BYTES, rowTables = <usize>steps * (TABLE_BYTES << 1);
  for (let row = 0; row < rows; row++) makeTables(args, tables + <usize>row * rowTables, firstRow + row, K, steps * 2);
  for (let panel = firstPanel; panel < endPanel; panel++) {
    const weights = <usize>load<u32>(args, 4) + <usize>panel * <usize>steps * PANEL;
    const count = <usize>min(PANEL, M - panel * PANEL) << 2;
    for (let row = 0; row < rows; row++) {
      const table = tables + <usize>row * rowTables;
      for (let step = 0; step < steps; step += piece) {
        sumNibbles(weights + <usize>step * PANEL, table + <usize>step * (TABLE_BYTES << 1), min(piece, steps - step), flush, scratch);
        widenSums(scratch, step == 0);
      }
      memory.copy(<usize>load<u32>(args, 8) + (<usize>((firstRow + row) * M + panel * PANEL) << 2), scratch + WIDE_AT, count);
    }
  }
}

/** The tables of a row, one for each group of channels. */
function makeTables(args: usize, to: usize, row: i32, K: i32, groups: i32): void {
  const channels = load<i32>(args, 36), bits = load<i32>(args, 40);
  const mask = (1 << bits) - 1;
  const constants = args + (<usize>load<u32>(args, 52) << 2);
  const channelBytes = TABLE_BYTES << bits;
  const x = <usize>load<u32>(args) + <usize>row * <usize>K;
  for (let group = 0, k = 0; group < groups; group++, to += TABLE_BYTES) {
    let sum = i8x16.splat(0);
    let from = constants;
    for (const end = min(k + channels, K); k < end; k++, from += channelBytes) {
      sum = i8x16.add(sum, v128.load(from + <usize>(<i32>load<u8>(x + <usize>k) & mask) * TABLE_BYTES));
    }
    v128.store(to, sum);
  }
}

// @ts-ignore: decorator
@inline
function lookUp(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices);
  return i8x16.swizzle(table, indices);
}

/** 64 filters of a panel times a row, into 64 sums of 16 bits. */
function sumNibbles(weights: usize, tables: usize, steps: i32, flush: i32, sums: usize): void {
  const mask = i8x16.splat(15);
  for (let step = 0; step < steps; step += flush) {
    let a0 = i8x16.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (const end = weights + (<usize>min(flush, steps - step) << 6); weights != end; weights += 64, tables += 32) {
      const first = v128.load(tables), second = v128.load(tables, 16);
      let codes = v128.load(weights);
      a0 = i8x16.add(a0, lookUp(first, v128.and(codes, mask))); b0 = i8x16.add(b0, lookUp(second, v128.and(i16x8.shr_u(codes, 4), mask)));
      codes = v128.load(weights, 16);
      a1 = i8x16.add(a1, lookUp(first, v128.and(codes, mask))); b1 = i8x16.add(b1, lookUp(second, v128.and(i16x8.shr_u(codes, 4), mask)));
      codes = v128.load(weights, 32);
      a2 = i8x16.add(a2, lookUp(first, v128.and(codes, mask))); b2 = i8x16.add(b2, lookUp(second, v128.and(i16x8.shr_u(codes, 4), mask)));
      codes = v128.load(weights, 48);
      a3 = i8x16.add(a3, lookUp(first, v128.and(codes, mask))); b3 = i8x16.add(b3, lookUp(second, v128.and(i16x8.shr_u(codes, 4), mask)));
    }
    flushSums(sums, a0, b0, step == 0); flushSums(sums + 32, a1, b1, step == 0);
    flushSums(sums + 64, a2, b2, step == 0); flushSums(sums + 96, a3, b3, step == 0);
  }
}

// @ts-ignore: decorator
@inline
function flushSums(to: usize, a: v128, b: v128, isFirst: bool): void {
  const low = i16x8.add(i16x8.extend_low_i8x16_s(a), i16x8.extend_low_i8x16_s(b));
  const high = i16x8.add(i16x8.extend_high_i8x16_s(a), i16x8.extend_high_i8x16_s(b));
  v128.store(to, isFirst ? low : i16x8.add(v128.load(to), low));
  v128.store(to, isFirst ? high : i16x8.add(v128.load(to, 16), high), 16);
}

/** 64 sums of 16 bits to those of 32 behind them, begun or added to. */
function widenSums(sums: usize, isFirst: bool): void {
  for (let from = sums, to = sums + WIDE_AT, end = sums + WIDE_AT; from != end; from += 16, to += 32) {
    const eight = v128.load(from);
    const low = i32x4.extend_low_i16x8_s(eight), high = i32x4.extend_high_i16x8_s(eight);
    v128.store(to, isFirst ? low : i32x4.add(v128.load(to), low));
    v128.store(to, isFirst ? high : i32x4.add(v128.load(to, 16), high), 16);
  }
}

/**
 * Arguments: 0 x [N, K] fields, 1 panels, 2 out [N, M], 3 N, 4 M, 5 K, 6 rows of a chunk, 7 fours of filters of a chunk, 8 chunks across,
 * 9 offset and 10 step of x, 11 offset and 12 step of the weights. Sums wrap around 2^32 on their way, which leaves them exact.
 */
export function codeRowBytes(args: usize, chunk: i32, scratch: usize): void {
  const N = load<i32>(args, 12), M = load<i32>(args, 16), K = load<i32>(args, 20);
  const chunkRows = load<i32>(args, 24), chunkQuads = load<i32>(args, 28), across = load<i32>(args, 32);
  const offset = load<i32>(args, 44), step = load<i32>(args, 48);
  const firstRow = (chunk / across) * chunkRows, rows = min(chunkRows, N - firstRow);
  const firstQuad = (chunk % across) * chunkQuads, endQuad = min(firstQuad + chunkQuads, (M + 3) >> 2);
  const eights = (K + 7) >> 3, rowBytes = <usize>eights << 4;
  for (let row = 0; row < rows; row++) extendRow(args, scratch + <usize>row * (rowBytes + 16), firstRow + row, K, eights << 3);
  for (let quad = firstQuad; quad < endQuad; quad++) {
    const weights = <usize>load<u32>(args, 4) + (<usize>(quad * eights) << 5);
    for (let row = 0; row < rows; row++) {
      const x = scratch + <usize>row * (rowBytes + 16);
      const products = dotQuad(weights, x, x + rowBytes);
      const sums = i32x4.add(i32x4.mul(products, i32x4.splat(step)), i32x4.splat(offset * load<i32>(x + rowBytes)));
      const to = <usize>load<u32>(args, 8) + (<usize>((firstRow + row) * M + (quad << 2)) << 2);
      const count = M - (quad << 2);
      if (count >= 4) v128.store(to, sums);
      else {
        store<i32>(to, i32x4.extract_lane(sums, 0));
        if (count > 1) store<i32>(to, i32x4.extract_lane(sums, 1), 4);
        if (count > 2) store<i32>(to, i32x4.extract_lane(sums, 2), 8);
      }
    }
  }
}

/** A row as integers of 16 bits, zeros behind it, then their sum. */
function extendRow(args: usize, to: usize, row: i32, K: i32, length: i32): void {
  const offset = load<i32>(args, 36), step = load<i32>(args, 40);
  const x = <usize>load<u32>(args) + <usize>row * <usize>K;
  let sum = 0;
  for (let k = 0; k < K; k++) {
    const value = offset + step * <i32>load<u8>(x + <usize>k);
    sum += value;
    store<i16>(to + (<usize>k << 1), <i16>value);
  }
  for (let k = K; k < length; k++) store<i16>(to + (<usize>k << 1), 0);
  store<i32>(to + (<usize>length << 1), sum);
}

/** Fields of four filters times the integers from `x` to `end`. */
// @ts-ignore: decorator
@inline
function dotQuad(weights: usize, x: usize, end: usize): v128 {
  let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
  for (; x != end; x += 16, weights += 32) {
    const eight = v128.load(x);
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(eight, v128.load8x8_u(weights)));
    c1 = i32x4.add(c1, i32x4.dot_i16x8_s(eight, v128.load8x8_u(weights, 8)));
    c2 = i32x4.add(c2, i32x4.dot_i16x8_s(eight, v128.load8x8_u(weights, 16)));
    c3 = i32x4.add(c3, i32x4.dot_i16x8_s(eight, v128.load8x8_u(weights, 24)));
  }
  // Transposed and added up: lane i is the sum of the lanes of ci.
  const low01 = i32x4.shuffle(c0, c1, 0, 4, 1, 5), high01 = i32x4.shuffle(c0, c1, 2, 6, 3, 7);
  const low23 = i32x4.shuffle(c2, c3, 0, 4, 1, 5), high23 = i32x4.shuffle(c2, c3, 2, 6, 3, 7);
  const pairs01 = i32x4.add(low01, high01), pairs23 = i32x4.add(low23, high23);
  return i32x4.add(i64x2.shuffle(pairs01, pairs23, 0, 2), i64x2.shuffle(pairs01, pairs23, 1, 3));
}
