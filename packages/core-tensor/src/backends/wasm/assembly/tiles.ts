import { madd } from "./madd";

// Tiles of sums in registers: a few rows of filters times a few vectors of pixels. Each k has a shift in bytes: where the plane that it
// meets begins. T says what 32 bits hold, of a filter as of a pixel:
//
//     f32   one float                                       multiply-add                      4 products in a vector
//     i16   two channels as int16                           dot product of pairs              8
//     i8    four channels: weights signed, pixels 0 to 127  relaxed dot product of fours     16
//
//            q 0..3  q 4..7  q 8..11  q 12..15     2 × 16: 8 sums, 4 vectors of pixels, 1 broadcast. Nothing spills.
//     m 0      c00     c01     c02      c03        4 × 8:  the same for a short tail.
//     m 1      c10     c11     c12      c13        6 × 8:  12 sums, so that fused multiply-adds never wait; relaxed builds alone.
//
// Panels of filters hold pairs of rows: [row pair][k][2]. Floor: the multiply-adds above. In relaxed builds 6 × 8 gave 40 GF/s where 2 × 16
// gave 34 in fp32, on one thread of the same busy machine.

// @ts-ignore: decorator
@inline
function accumulate<T>(a: v128, b: v128, c: v128): v128 {
  if (isFloat<T>()) return madd(a, b, c);
  if (sizeof<T>() == 2) return i32x4.add(i32x4.dot_i16x8_s(a, b), c);
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, c);
  return unreachable();
}

/** Rows that multiplyRows takes at once. */
// @ts-ignore: decorator
@inline
export const ROWS_TOGETHER: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;

/** Up to ROWS_TOGETHER rows times all pixels, into rows of `tile`; adds to what is there where `isContinued`. */
export function multiplyRows<T>(
  pair: usize, pairBytes: usize, shifts: usize, K: i32, planes: usize, tile: usize, tileBytes: usize, pixels: i32, rows: i32, isContinued: bool,
): void {
  let q = 0;
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (rows > 4) {
      for (; q < pixels; q += 8) tile6x8<T>(pair, pairBytes, shifts, K, planes + (<usize>q << 2), tile + (<usize>q << 2), tileBytes, isContinued);
      return;
    }
    if (rows > 2) {
      for (; q < pixels; q += 8) tile4x8<T>(pair, pairBytes, shifts, K, planes + (<usize>q << 2), tile + (<usize>q << 2), tileBytes, isContinued);
      return;
    }
  }
  for (; q + 8 < pixels; q += 16) {
    const at = <usize>q << 2;
    tile2x16<T>(pair, shifts, K, planes + at, tile + at, tileBytes, isContinued);
    if (rows > 2) tile2x16<T>(pair + pairBytes, shifts, K, planes + at, tile + (tileBytes << 1) + at, tileBytes, isContinued);
  }
  if (q < pixels) { // behind a lone pair there may be no other: it stands in for it, and its rows are not looked at
    const nextPair = rows > 2 ? pairBytes : 0;
    tile4x8<T>(pair, nextPair, shifts, K, planes + (<usize>q << 2), tile + (<usize>q << 2), tileBytes, isContinued);
  }
}

function tile2x16<T>(a: usize, shifts: usize, K: i32, planes: usize, out: usize, rowBytes: usize, isContinued: bool): void {
  let c00 = f32x4.splat(0), c01 = c00, c02 = c00, c03 = c00, c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  const second = out + rowBytes;
  if (isContinued) {
    c00 = v128.load(out); c01 = v128.load(out, 16); c02 = v128.load(out, 32); c03 = v128.load(out, 48);
    c10 = v128.load(second); c11 = v128.load(second, 16); c12 = v128.load(second, 32); c13 = v128.load(second, 48);
  }
  for (const end = a + (<usize>K << 3); a != end; a += 8, shifts += 4) {
    const b = planes + <usize>load<u32>(shifts);
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let row = v128.load32_splat(a);
    c00 = accumulate<T>(row, b0, c00); c01 = accumulate<T>(row, b1, c01); c02 = accumulate<T>(row, b2, c02); c03 = accumulate<T>(row, b3, c03);
    row = v128.load32_splat(a, 4);
    c10 = accumulate<T>(row, b0, c10); c11 = accumulate<T>(row, b1, c11); c12 = accumulate<T>(row, b2, c12); c13 = accumulate<T>(row, b3, c13);
  }
  v128.store(out, c00); v128.store(out, c01, 16); v128.store(out, c02, 32); v128.store(out, c03, 48);
  v128.store(second, c10); v128.store(second, c11, 16); v128.store(second, c12, 32); v128.store(second, c13, 48);
}

function tile4x8<T>(a: usize, pairBytes: usize, shifts: usize, K: i32, planes: usize, out: usize, rowBytes: usize, isContinued: bool): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  const out1 = out + rowBytes, out2 = out1 + rowBytes, out3 = out2 + rowBytes;
  if (isContinued) {
    c00 = v128.load(out); c01 = v128.load(out, 16); c10 = v128.load(out1); c11 = v128.load(out1, 16);
    c20 = v128.load(out2); c21 = v128.load(out2, 16); c30 = v128.load(out3); c31 = v128.load(out3, 16);
  }
  let next = a + pairBytes;
  for (const end = a + (<usize>K << 3); a != end; a += 8, next += 8, shifts += 4) {
    const b = planes + <usize>load<u32>(shifts);
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let row = v128.load32_splat(a);
    c00 = accumulate<T>(row, b0, c00); c01 = accumulate<T>(row, b1, c01);
    row = v128.load32_splat(a, 4);
    c10 = accumulate<T>(row, b0, c10); c11 = accumulate<T>(row, b1, c11);
    row = v128.load32_splat(next);
    c20 = accumulate<T>(row, b0, c20); c21 = accumulate<T>(row, b1, c21);
    row = v128.load32_splat(next, 4);
    c30 = accumulate<T>(row, b0, c30); c31 = accumulate<T>(row, b1, c31);
  }
  v128.store(out, c00); v128.store(out, c01, 16); v128.store(out1, c10); v128.store(out1, c11, 16);
  v128.store(out2, c20); v128.store(out2, c21, 16); v128.store(out3, c30); v128.store(out3, c31, 16);
}

function tile6x8<T>(a: usize, pairBytes: usize, shifts: usize, K: i32, planes: usize, out: usize, rowBytes: usize, isContinued: bool): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  if (isContinued) {
    let from = out;
    c00 = v128.load(from); c01 = v128.load(from, 16); from += rowBytes;
    c10 = v128.load(from); c11 = v128.load(from, 16); from += rowBytes;
    c20 = v128.load(from); c21 = v128.load(from, 16); from += rowBytes;
    c30 = v128.load(from); c31 = v128.load(from, 16); from += rowBytes;
    c40 = v128.load(from); c41 = v128.load(from, 16); from += rowBytes;
    c50 = v128.load(from); c51 = v128.load(from, 16);
  }
  let next = a + pairBytes, last = next + pairBytes;
  for (const end = a + (<usize>K << 3); a != end; a += 8, next += 8, last += 8, shifts += 4) {
    const b = planes + <usize>load<u32>(shifts);
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let row = v128.load32_splat(a);
    c00 = accumulate<T>(row, b0, c00); c01 = accumulate<T>(row, b1, c01);
    row = v128.load32_splat(a, 4);
    c10 = accumulate<T>(row, b0, c10); c11 = accumulate<T>(row, b1, c11);
    row = v128.load32_splat(next);
    c20 = accumulate<T>(row, b0, c20); c21 = accumulate<T>(row, b1, c21);
    row = v128.load32_splat(next, 4);
    c30 = accumulate<T>(row, b0, c30); c31 = accumulate<T>(row, b1, c31);
    row = v128.load32_splat(last);
    c40 = accumulate<T>(row, b0, c40); c41 = accumulate<T>(row, b1, c41);
    row = v128.load32_splat(last, 4);
    c50 = accumulate<T>(row, b0, c50); c51 = accumulate<T>(row, b1, c51);
  }
  v128.store(out, c00); v128.store(out, c01, 16); out += rowBytes;
  v128.store(out, c10); v128.store(out, c11, 16); out += rowBytes;
  v128.store(out, c20); v128.store(out, c21, 16); out += rowBytes;
  v128.store(out, c30); v128.store(out, c31, 16); out += rowBytes;
  v128.store(out, c40); v128.store(out, c41, 16); out += rowBytes;
  v128.store(out, c50); v128.store(out, c51, 16);
}
