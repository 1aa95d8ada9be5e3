import { copyTile } from "./conv2d-f32";
import { multiplyRows, ROWS_TOGETHER } from "./tiles";

// Convolution of integer codes, exact. As in conv2d-f32.ts, filters meet shifted runs of padded planes (planes.ts); what a plane
// holds for one pixel differs. Plain twin: conv2dCodes in src/ops/codes.ts. Padding is the number 0.
//
// Pairs: any codes of up to 8 bits. A plane holds two channels, as two int16 in 32 bits, and so do the filters:
//
//     i32x4.dot_i16x8   [ w0 w1 | w0 w1 | w0 w1 | w0 w1 ]      4 pixels, 2 channels: 8 multiply-adds, where fp32 makes 4.
//                     · [ x0 x1 | y0 y1 | z0 z1 | u0 u1 ]      The tile is that of conv2d-f32.ts: 2 rows × 16 pixels.
//
// Nibbles: activations of 1 or 2 bits. A plane holds 4 or 2 channels of a pixel in 4 bits, a byte each; what they add to the
// sum is looked up: a row of 16 bytes for each combination of weights, one i8x16.swizzle for 16 pixels.
//
//     table[w0, w1]     [ w0·a0 + w1·a1 for the 16 pairs a ]   16 pixels, 2 channels: 32 multiply-adds in a swizzle and an add.
//     swizzle with      [ a a a a a a a a a a a a a a a a ]    Sums of 8 bits are widened every `flush` steps.
//
// Measured against conv2d-f32.ts in one run, 16 to 128 channels, batch 64 (a multiply-add of codes for one of floats):
// pairs 2 times its speed, nibbles 3 to 3.4 times at w2a2 and 5.5 to 6 times at w1a1.

const K_PIECE: i32 = 512;

// @ts-ignore: decorator
@inline
function field(packed: usize, index: i32, bits: i32): i32 {
  const bit = <u64>index * <u64>bits;
  const at = packed + <usize>(bit >> 3);
  return (load<u16>(at) >> (<i32>bit & 7)) & ((1 << bits) - 1);
}

/**
 * Packed filters as pairs: panels [group][row pair][k][2 rows][2 channels] of int16, rows filled up to a multiple of 4 with zeros.
 * Arguments: 0 filters, 1 panels, 2 rows of a group, 3 K, 4 codes between rows, 5 codes between groups, 6 words between groups of panels,
 * 7 bits, 8 offset, 9 step, 10 place of the table: two places for each k, −1 where there is no second channel. A chunk is a group.
 */
export function packFilterPairs(args: usize, group: i32): void {
  const filters = <usize>load<u32>(args);
  const rows = load<i32>(args, 8), K = load<i32>(args, 12), rowCodes = load<i32>(args, 16);
  const bits = load<i32>(args, 28), offset = load<i32>(args, 32), step = load<i32>(args, 36);
  const table = args + (<usize>load<u32>(args, 40) << 2);
  let to = <usize>load<u32>(args, 4) + (<usize>group * <usize>load<u32>(args, 24) << 2);
  for (let row = 0; row < ((rows + 3) & ~3); row += 2) {
    const first = group * load<i32>(args, 20) + row * rowCodes;
    for (let k = 0; k < K; k++) {
      for (let i = 0; i < 2; i++) {
        for (let channel: usize = 0; channel < 2; channel++, to += 2) {
          const place = load<i32>(table + (<usize>k << 3) + (channel << 2));
          const isThere = place >= 0 && row + i < rows;
          store<i16>(to, isThere ? <i16>(offset + step * field(filters, first + i * rowCodes + place, bits)) : 0);
        }
      }
    }
  }
}

/**
 * Packed filters as places in the table of nibbles: panels [group][four rows][k][4] of uint16.
 * Arguments as packFilterPairs but 8 bytes between groups of panels in place of 6's words · 4, and: 8 base (numbers that a weight may be, "not there"
 * included), 9 channels in a nibble; the table has a place for each of them.
 */
export function packFilterNibbles(args: usize, group: i32): void {
  const filters = <usize>load<u32>(args);
  const rows = load<i32>(args, 8), K = load<i32>(args, 12), rowCodes = load<i32>(args, 16);
  const bits = load<i32>(args, 28), base = load<i32>(args, 32), channels = load<i32>(args, 36);
  const table = args + (<usize>load<u32>(args, 40) << 2);
  let to = <usize>load<u32>(args, 4) + (<usize>group * <usize>load<u32>(args, 24) << 2);
  for (let row = 0; row < rows; row += 4) {
    const first = group * load<i32>(args, 20) + row * rowCodes;
    for (let k = 0; k < K; k++) {
      for (let i = 0; i < 4; i++, to += 2) {
        let index = 0;
        for (let channel = channels - 1; channel >= 0; channel--) {
          const place = load<i32>(table + (<usize>(k * channels + channel) << 2));
          const isThere = place >= 0 && row + i < rows;
          index = index * base + (isThere ? field(filters, first + i * rowCodes + place, bits) : base - 1);
        }
        store<u16>(to, <u16>(index << 4));
      }
    }
  }
}

/**
 * Arguments 0 to 29 as in conv2d-f32.ts (one output phase; floats are elements of a plane), then 30 offset and 31 step of x, 32 channels of
 * a group, 33 place of the table of nibbles (0: pairs), 34 channels in a nibble, 35 bits of a code, 36 flush.
 */
export function correlateCodes(args: usize, chunk: i32, scratch: usize): void {
  const groups = load<i32>(args, 12), H = load<i32>(args, 20), W = load<i32>(args, 24);
  const pitch = load<i32>(args, 44);
  const rowsOut = load<i32>(args, 52), outH = load<i32>(args, 56), outW = load<i32>(args, 60);
  const K = load<i32>(args, 72), bandRows = load<i32>(args, 76), bands = load<i32>(args, 80);
  const channels = load<i32>(args, 128), nibbles = load<u32>(args, 132);
  const band = chunk % bands, group = (chunk / bands) % groups, image = chunk / bands / groups;
  const firstRow = band * bandRows;
  const source = <usize>load<u32>(args) + <usize>(image * groups + group) * <usize>channels * <usize>(H * W);
  gatherCodes(args, scratch, source, firstRow, bandRows + load<i32>(args, 84));

  const tile = scratch + <usize>load<u32>(args, 108);
  const tileBytes = <usize>load<u32>(args, 112) << 2;
  const shifts = args + (<usize>load<u32>(args, 104) << 2);
  const panels = <usize>load<u32>(args, 4) + (<usize>group * <usize>((rowsOut + 3) & ~3) * <usize>K << (nibbles ? 1 : 2));
  const out = <usize>load<u32>(args, 8) + (<usize>(image * groups + group) * <usize>rowsOut * <usize>(outH * outW) << 2);
  const rows = min(bandRows, outH - firstRow);
  const pixels = (rows - 1) * pitch + outW;
  const to = out + (<usize>(firstRow * outW) << 2);
  const together = nibbles ? 4 : ROWS_TOGETHER;
  for (let row = 0; row < rowsOut; row += together) {
    const count = min(together, rowsOut - row);
    if (nibbles) {
      const table = args + (<usize>nibbles << 2);
      const quad = panels + (<usize>row * <usize>K << 1);
      const sums = tile + (tileBytes << 2);
      for (let q = 0; q < pixels; q += 32) nibbleTile4x32(quad, shifts, K, load<i32>(args, 144), table, scratch + <usize>q, sums, tile + (<usize>q << 2), tileBytes);
    } else {
      const pair = panels + (<usize>row * <usize>K << 2);
      for (let k = 0; k < K; k += K_PIECE) {
        multiplyRows<i16>(pair + (<usize>k << 3), <usize>K << 3, shifts + (<usize>k << 2), min(K_PIECE, K - k), scratch, tile, tileBytes, pixels, count, k > 0);
      }
    }
    for (let m = 0; m < count; m++) {
      copyTile(to + (<usize>(row + m) * <usize>(outH * outW) << 2), <usize>outW << 2, 1, tile + <usize>m * tileBytes, <usize>pitch << 2, rows, outW);
    }
  }
}

/** Planes of codes: int16 pairs of channels, or nibbles in bytes. */
function gatherCodes(args: usize, planes: usize, source: usize, firstRow: i32, rows: i32): void {
  const H = load<i32>(args, 20), W = load<i32>(args, 24), stepH = load<i32>(args, 28), stepW = load<i32>(args, 32);
  const padTop = load<i32>(args, 36), padLeft = load<i32>(args, 40), pitch = load<i32>(args, 44), planeElements = load<i32>(args, 48);
  const phases = load<i32>(args, 88), table = args + (<usize>load<u32>(args, 92) << 2);
  const channels = load<i32>(args, 128), nibbles = load<i32>(args, 132) != 0;
  const together = nibbles ? load<i32>(args, 136) : 2;
  const planeBytes = <usize>planeElements << (nibbles ? 0 : 2);
  for (let channel = 0; channel < channels; channel += together, source += <usize>together * <usize>(H * W)) {
    const count = min(together, channels - channel);
    for (let phase = 0; phase < phases; phase++, planes += planeBytes) {
      const shiftH = load<i32>(table + (<usize>phase << 3)) - padTop, shiftW = load<i32>(table + (<usize>phase << 3), 4) - padLeft;
      const firstColumn = shiftW >= 0 ? 0 : min(pitch, (stepW - 1 - shiftW) / stepW);
      const endColumn = W - shiftW <= 0 ? firstColumn : max(firstColumn, min(pitch, (W - shiftW + stepW - 1) / stepW));
      if (nibbles) {
        const bits = load<i32>(args, 140);
        memory.fill(planes, 0x80, planeBytes); // beyond every table: adds 0
        for (let i = 0; i < rows; i++) {
          const y = (firstRow + i) * stepH + shiftH;
          if (y < 0 || y >= H) continue;
          const from = source + <usize>(y * W + firstColumn * stepW + shiftW);
          fillNibbles(planes + <usize>(i * pitch + firstColumn), from, <usize>(H * W), endColumn - firstColumn, stepW, count, bits);
        }
      } else {
        memory.fill(planes, 0, planeBytes);
        const offset = load<i32>(args, 120), step = load<i32>(args, 124);
        for (let i = 0; i < rows; i++) {
          const y = (firstRow + i) * stepH + shiftH;
          if (y < 0 || y >= H) continue;
          const from = source + <usize>(y * W + firstColumn * stepW + shiftW);
          fillPairs(planes + (<usize>(i * pitch + firstColumn) << 2), from, count > 1 ? from + <usize>(H * W) : 0, endColumn - firstColumn, stepW, offset, step);
        }
      }
    }
  }
}

/** One row: pixel by pixel the numbers of two channels. */
function fillPairs(to: usize, first: usize, second: usize, columns: i32, stride: i32, offset: i32, step: i32): void {
  let j = 0;
  if (stride == 1) {
    const offsets = i16x8.splat(<i16>offset), steps = i16x8.splat(<i16>step);
    for (; j + 8 <= columns; j += 8, to += 32) {
      const a = i16x8.add(i16x8.mul(v128.load8x8_u(first + <usize>j), steps), offsets);
      const b = second ? i16x8.add(i16x8.mul(v128.load8x8_u(second + <usize>j), steps), offsets) : i16x8.splat(0);
      v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
      v128.store(to, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    }
    if (j + 4 <= columns) {
      const a = i16x8.add(i16x8.mul(i16x8.extend_low_i8x16_u(v128.load32_zero(first + <usize>j)), steps), offsets);
      const b = second ? i16x8.add(i16x8.mul(i16x8.extend_low_i8x16_u(v128.load32_zero(second + <usize>j)), steps), offsets) : i16x8.splat(0);
      v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
      j += 4;
      to += 16;
    }
  }
  for (; j < columns; j++, to += 4) {
    const at = <usize>(j * stride);
    store<i16>(to, <i16>(offset + step * <i32>load<u8>(first + at)));
    if (second) store<i16>(to, <i16>(offset + step * <i32>load<u8>(second + at)), 2);
  }
}

/** One row: the fields of up to four channels of a pixel in one byte. Channels that are not there keep field 0, which no weight meets. */
function fillNibbles(to: usize, from: usize, planeBytes: usize, columns: i32, stride: i32, count: i32, bits: i32): void {
  let j = 0;
  if (stride == 1) {
    for (; j + 16 <= columns; j += 16) {
      let nibbles = v128.load(from + <usize>j);
      for (let i = 1; i < count; i++) nibbles = v128.or(nibbles, i16x8.shl(v128.load(from + <usize>i * planeBytes + <usize>j), i * bits));
      v128.store(to + <usize>j, nibbles);
    }
    if (j + 8 <= columns) {
      let nibbles = v128.load64_zero(from + <usize>j);
      for (let i = 1; i < count; i++) nibbles = v128.or(nibbles, i16x8.shl(v128.load64_zero(from + <usize>i * planeBytes + <usize>j), i * bits));
      v128.store64_lane(to + <usize>j, nibbles, 0);
      j += 8;
    }
    if (j + 4 <= columns) {
      let nibbles = load<u32>(from + <usize>j);
      for (let i = 1; i < count; i++) nibbles |= load<u32>(from + <usize>i * planeBytes + <usize>j) << (i * bits);
      store<u32>(to + <usize>j, nibbles);
      j += 4;
    }
  }
  for (; j < columns; j++) {
    let nibble = 0;
    for (let i = 0; i < count; i++) nibble |= <i32>load<u8>(from + <usize>i * planeBytes + <usize>(j * stride)) << (i * bits);
    store<u8>(to + <usize>j, <u8>nibble);
  }
}

/** 4 rows × 32 pixels. Bytes of sums are widened to 16 bits in `sums` every `flush` steps, and to 32 at the end. */
function nibbleTile4x32(a: usize, shifts: usize, K: i32, flush: i32, table: usize, planes: usize, sums: usize, out: usize, rowBytes: usize): void {
  for (let k = 0; k < K; k += flush) {
    let c00 = i8x16.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
    for (let steps = min(flush, K - k); steps > 0; steps--, a += 8, shifts += 4) {
      const b = planes + <usize>load<u32>(shifts);
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      let row = v128.load(table + <usize>load<u16>(a));
      c00 = i8x16.add(c00, lookUp(row, b0)); c01 = i8x16.add(c01, lookUp(row, b1));
      row = v128.load(table + <usize>load<u16>(a, 2));
      c10 = i8x16.add(c10, lookUp(row, b0)); c11 = i8x16.add(c11, lookUp(row, b1));
      row = v128.load(table + <usize>load<u16>(a, 4));
      c20 = i8x16.add(c20, lookUp(row, b0)); c21 = i8x16.add(c21, lookUp(row, b1));
      row = v128.load(table + <usize>load<u16>(a, 6));
      c30 = i8x16.add(c30, lookUp(row, b0)); c31 = i8x16.add(c31, lookUp(row, b1));
    }
    if (k == 0) {
      begin(sums, c00); begin(sums + 32, c01); begin(sums + 64, c10); begin(sums + 96, c11);
      begin(sums + 128, c20); begin(sums + 160, c21); begin(sums + 192, c30); begin(sums + 224, c31);
    } else {
      widen(sums, c00); widen(sums + 32, c01); widen(sums + 64, c10); widen(sums + 96, c11);
      widen(sums + 128, c20); widen(sums + 160, c21); widen(sums + 192, c30); widen(sums + 224, c31);
    }
  }
  for (let m = 0; m < 4; m++, out += rowBytes, sums += 64) {
    for (let i: usize = 0; i < 4; i++) {
      const half = v128.load(sums + (i << 4));
      v128.store(out + (i << 5), i32x4.extend_low_i16x8_s(half));
      v128.store(out + (i << 5), i32x4.extend_high_i16x8_s(half), 16);
    }
  }
}

/** Both builds give 0 for index 0x80. */
// @ts-ignore: decorator
@inline
function lookUp(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices);
  return i8x16.swizzle(table, indices);
}

// @ts-ignore: decorator
@inline
function begin(to: usize, bytes: v128): void {
  v128.store(to, i16x8.extend_low_i8x16_s(bytes));
  v128.store(to, i16x8.extend_high_i8x16_s(bytes), 16);
}

// @ts-ignore: decorator
@inline
function widen(to: usize, bytes: v128): void {
  v128.store(to, i16x8.add(v128.load(to), i16x8.extend_low_i8x16_s(bytes)));
  v128.store(to, i16x8.add(v128.load(to, 16), i16x8.extend_high_i8x16_s(bytes)), 16);
}
