// Dot products of two bytes into int16, summed in int16: relaxed builds alone, for weights of few bits. A pixel is two channels of 8 bits
// as fields (0 and up), a weight is signed; the filters' panels repeat a pair of weights, so that 32 bits are broadcast.
//
//     i16x8.relaxed_dot   [ w0 w1 | w0 w1 | … ] · [ x0 x1 | y0 y1 | … ]     8 pixels, 2 channels: 16 multiply-adds, then an add
//
// Sums are widened to 32 bits every `flush` steps. Plain twin: conv2dCodes in src/ops/codes.ts. Floor: two instructions for 16.

/** 4 rows × 16 pixels, panels [four rows][k][4 rows][4 bytes]. */
export function shortTile4x16(a: usize, shifts: usize, K: i32, flush: i32, planes: usize, out: usize, rowBytes: usize): void {
  const out1 = out + rowBytes, out2 = out1 + rowBytes, out3 = out2 + rowBytes;
  for (let k = 0; k < K; k += flush) {
    let c00 = i16x8.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
    for (const end = a + (<usize>min(flush, K - k) << 4); a != end; a += 16, shifts += 4) {
      const b = planes + <usize>load<u32>(shifts);
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      let row = v128.load32_splat(a);
      c00 = dot(row, b0, c00); c01 = dot(row, b1, c01);
      row = v128.load32_splat(a, 4);
      c10 = dot(row, b0, c10); c11 = dot(row, b1, c11);
      row = v128.load32_splat(a, 8);
      c20 = dot(row, b0, c20); c21 = dot(row, b1, c21);
      row = v128.load32_splat(a, 12);
      c30 = dot(row, b0, c30); c31 = dot(row, b1, c31);
    }
    const isFirst = k == 0;
    widen(out, c00, c01, isFirst); widen(out1, c10, c11, isFirst); widen(out2, c20, c21, isFirst); widen(out3, c30, c31, isFirst);
  }
}

// @ts-ignore: decorator
@inline
function dot(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.add(i16x8.relaxed_dot_i8x16_i7x16_s(a, b), c);
  return unreachable();
}

// @ts-ignore: decorator
@inline
function widen(to: usize, first: v128, second: v128, isFirst: bool): void {
  let a = i32x4.extend_low_i16x8_s(first), b = i32x4.extend_high_i16x8_s(first);
  let c = i32x4.extend_low_i16x8_s(second), d = i32x4.extend_high_i16x8_s(second);
  if (!isFirst) {
    a = i32x4.add(a, v128.load(to)); b = i32x4.add(b, v128.load(to, 16));
    c = i32x4.add(c, v128.load(to, 32)); d = i32x4.add(d, v128.load(to, 48));
  }
  v128.store(to, a); v128.store(to, b, 16); v128.store(to, c, 32); v128.store(to, d, 48);
}
