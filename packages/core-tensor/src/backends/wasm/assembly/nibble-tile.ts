// Sums of products that are looked up. A pixel is a byte that holds the codes of 4 or 2 channels in 4 bits, a row of the table what they
// add to the sum for one combination of weights: one i8x16.swizzle for 16 pixels. Plain twin: conv2dCodes in src/ops/codes.ts.
//
//     table[w0, w1]     [ w0·a0 + w1·a1 for the 16 pairs a ]   16 pixels, 2 channels: 32 multiply-adds in a swizzle and an add;
//     swizzle with      [ a a a a a a a a a a a a a a a a ]    with codes of one bit 4 channels and 64.
//
// Padding is byte 0x80, beyond every table: it adds 0, whatever numbers the codes stand for. Sums of 8 bits are widened every `flush`
// steps. Floor: a swizzle and an add per 16 bytes (portable swizzles are two instructions, relaxed ones one).

/** 4 rows × 32 pixels. Bytes of sums are widened to 16 bits in `sums` every `flush` steps, and to 32 at the end. */
export function nibbleTile4x32(a: usize, shifts: usize, K: i32, flush: i32, table: usize, planes: usize, sums: usize, out: usize, rowBytes: usize): void {
  for (let k = 0; k < K; k += flush) {
    let c00 = i8x16.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
    for (const end = a + (<usize>min(flush, K - k) << 3); a != end; a += 8, shifts += 4) {
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
