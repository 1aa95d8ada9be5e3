// Two rows of filters in one 16-bit lane, w0 + w1 · 2^B: a dot product of int16 pairs makes 16 multiply-adds where it made 8.
//
//     i32x4.dot_i16x8   [ w0 + w1·2^B | … ] · [ x0 x1 | … ]   adds to a sum  Σ w1·x · 2^B + Σ w0·x + 2^(B−1)
//
// The last term, the bias, keeps the low field from going below 0. Before it can overflow, every `flush` steps, it is added to the sums
// of the even rows in memory and set back to the bias; what is above it stays, and is the sum of the odd rows in the end.
// Plain twin: conv2dCodes in src/ops/codes.ts. Floor: two instructions for 16 multiply-adds and five for each look at the low fields.

// @ts-ignore: decorator
@inline
function dot(a: v128, b: v128, c: v128): v128 {
  return i32x4.add(i32x4.dot_i16x8_s(a, b), c);
}

// @ts-ignore: decorator
@inline
function owe(to: usize, at: usize, debt: v128, isContinued: bool): void {
  v128.store(to + at, isContinued ? i32x4.add(v128.load(to + at), debt) : debt);
}

// @ts-ignore: decorator
@inline
function addLow(to: usize, at: usize, sum: v128, mask: v128): void {
  v128.store(to + at, i32x4.add(v128.load(to + at), v128.and(sum, mask)));
}

// @ts-ignore: decorator
@inline
function clearLow(sum: v128, mask: v128, bias: v128): v128 {
  return v128.or(v128.andnot(sum, mask), bias);
}

// @ts-ignore: decorator
@inline
function storeHigh(to: usize, at: usize, sum: v128, lowBits: i32, isContinued: bool): void {
  const high = i32x4.shr_s(sum, lowBits);
  v128.store(to + at, isContinued ? i32x4.add(v128.load(to + at), high) : high);
}

/** Four rows times all pixels, into rows of `tile`; adds to what is there where `isContinued`. */
export function multiplyLanes(
  quad: usize, shifts: usize, K: i32, flush: i32, lowBits: i32, planes: usize, tile: usize, tileBytes: usize, pixels: i32, isContinued: bool,
): void {
  let q = 0;
  for (; q + 8 < pixels; q += 16) {
    const at = <usize>q << 2;
    laneTile2x16(quad, shifts, K, flush, lowBits, planes + at, tile + at, tileBytes, isContinued);
  }
  const at = <usize>q << 2;
  if (q < pixels) laneTile2x8(quad, shifts, K, flush, lowBits, planes + at, tile + at, tileBytes, isContinued);
}

function laneTile2x16(
  a: usize, shifts: usize, K: i32, flush: i32, lowBits: i32, planes: usize, out: usize, rowBytes: usize, isContinued: bool,
): void {
  const out1 = out + rowBytes, out2 = out1 + rowBytes, out3 = out2 + rowBytes;
  const bias = i32x4.splat(1 << (lowBits - 1)), mask = i32x4.splat((1 << lowBits) - 1);
  const debt = i32x4.splat(-((K + flush - 1) / flush << (lowBits - 1))); // every look at the low fields counts the bias once
  owe(out, 0, debt, isContinued); owe(out, 16, debt, isContinued); owe(out, 32, debt, isContinued); owe(out, 48, debt, isContinued);
  owe(out2, 0, debt, isContinued); owe(out2, 16, debt, isContinued); owe(out2, 32, debt, isContinued); owe(out2, 48, debt, isContinued);
  let c00 = bias, c01 = bias, c02 = bias, c03 = bias, c10 = bias, c11 = bias, c12 = bias, c13 = bias;
  for (let k = 0; k < K; k += flush) {
    for (const end = a + (<usize>min(flush, K - k) << 3); a != end; a += 8, shifts += 4) {
      const b = planes + <usize>load<u32>(shifts);
      const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
      let row = v128.load32_splat(a);
      c00 = dot(row, b0, c00); c01 = dot(row, b1, c01); c02 = dot(row, b2, c02); c03 = dot(row, b3, c03);
      row = v128.load32_splat(a, 4);
      c10 = dot(row, b0, c10); c11 = dot(row, b1, c11); c12 = dot(row, b2, c12); c13 = dot(row, b3, c13);
    }
    addLow(out, 0, c00, mask); c00 = clearLow(c00, mask, bias);
    addLow(out, 16, c01, mask); c01 = clearLow(c01, mask, bias);
    addLow(out, 32, c02, mask); c02 = clearLow(c02, mask, bias);
    addLow(out, 48, c03, mask); c03 = clearLow(c03, mask, bias);
    addLow(out2, 0, c10, mask); c10 = clearLow(c10, mask, bias);
    addLow(out2, 16, c11, mask); c11 = clearLow(c11, mask, bias);
    addLow(out2, 32, c12, mask); c12 = clearLow(c12, mask, bias);
    addLow(out2, 48, c13, mask); c13 = clearLow(c13, mask, bias);
  }
  storeHigh(out1, 0, c00, lowBits, isContinued); storeHigh(out1, 16, c01, lowBits, isContinued); storeHigh(out1, 32, c02, lowBits, isContinued); storeHigh(out1, 48, c03, lowBits, isContinued);
  storeHigh(out3, 0, c10, lowBits, isContinued); storeHigh(out3, 16, c11, lowBits, isContinued); storeHigh(out3, 32, c12, lowBits, isContinued); storeHigh(out3, 48, c13, lowBits, isContinued);
}

function laneTile2x8(
  a: usize, shifts: usize, K: i32, flush: i32, lowBits: i32, planes: usize, out: usize, rowBytes: usize, isContinued: bool,
): void {
  const out1 = out + rowBytes, out2 = out1 + rowBytes, out3 = out2 + rowBytes;
  const bias = i32x4.splat(1 << (lowBits - 1)), mask = i32x4.splat((1 << lowBits) - 1);
  const debt = i32x4.splat(-((K + flush - 1) / flush << (lowBits - 1))); // every look at the low fields counts the bias once
  owe(out, 0, debt, isContinued); owe(out, 16, debt, isContinued);
  owe(out2, 0, debt, isContinued); owe(out2, 16, debt, isContinued);
  let c00 = bias, c01 = bias, c10 = bias, c11 = bias;
  for (let k = 0; k < K; k += flush) {
    for (const end = a + (<usize>min(flush, K - k) << 3); a != end; a += 8, shifts += 4) {
      const b = planes + <usize>load<u32>(shifts);
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      let row = v128.load32_splat(a);
      c00 = dot(row, b0, c00); c01 = dot(row, b1, c01);
      row = v128.load32_splat(a, 4);
      c10 = dot(row, b0, c10); c11 = dot(row, b1, c11);
    }
    addLow(out, 0, c00, mask); c00 = clearLow(c00, mask, bias);
    addLow(out, 16, c01, mask); c01 = clearLow(c01, mask, bias);
    addLow(out2, 0, c10, mask); c10 = clearLow(c10, mask, bias);
    addLow(out2, 16, c11, mask); c11 = clearLow(c11, mask, bias);
  }
  storeHigh(out1, 0, c00, lowBits, isContinued); storeHigh(out1, 16, c01, lowBits, isContinued);
  storeHigh(out3, 0, c10, lowBits, isContinued); storeHigh(out3, 16, c11, lowBits, isContinued);
}
