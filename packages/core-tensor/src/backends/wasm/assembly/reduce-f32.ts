import { MEAN, REDUCE_MAX } from "./opcodes";

// sum, mean and max of x [r1, k1, r2, k2] over r1 and r2 → [k1, k2]. Plain twins: src/ops/sum.ts, src/ops/reduce.ts. Sums are
// float64, each in one fixed order. Where k2 = 1 runs of r2 lie in one piece; elsewhere 16 columns (a cache line) go down together.

/** Arguments: 0 x, 1 out, 2 r1, 3 k1, 4 r2, 5 k2, 6 kind, 7 results a chunk (rows of k1, or tiles of 16 columns of one). */
export function reduce(args: usize, chunk: i32): void {
  const x = <usize>load<u32>(args), out = <usize>load<u32>(args, 4);
  const r1 = load<i32>(args, 8), k1 = load<i32>(args, 12), r2 = load<i32>(args, 16), k2 = load<i32>(args, 20);
  const kind = load<i32>(args, 24), each = load<i32>(args, 28);
  const first = chunk * each;
  if (k2 == 1) {
    for (let row = first, end = min(first + each, k1); row < end; row++) {
      const from = x + (<usize>row * <usize>r2 << 2), step = <usize>k1 * <usize>r2 << 2;
      store<f32>(out + (<usize>row << 2), kind == REDUCE_MAX ? maxOfRows(from, step, r1, r2) : sumOfRows(from, step, r1, r2, kind));
    }
    return;
  }
  const tiles = (k2 + 15) >> 4;
  for (let tile = first, end = min(first + each, k1 * tiles); tile < end; tile++) {
    const row = tile / tiles, column = (tile % tiles) << 4;
    const from = x + (<usize>row * <usize>r2 * <usize>k2 + <usize>column << 2);
    const to = out + (<usize>row * <usize>k2 + <usize>column << 2);
    const step = <usize>k1 * <usize>r2 * <usize>k2 << 2;
    for (let i = 0, width = min(16, k2 - column); i < width; i += 4) {
      const at = <usize>i << 2;
      columns(to + at, from + at, step, r1, r2, <usize>k2 << 2, kind, min(4, width - i));
    }
  }
}

function sumOfRows(from: usize, step: usize, r1: i32, r2: i32, kind: i32): f32 {
  let sums = f64x2.splat(0), highSums = sums;
  let total: f64 = 0;
  for (let r = 0; r < r1; r++, from += step) {
    let at = from, i = 0;
    for (; i + 4 <= r2; i += 4, at += 16) {
      const x = v128.load(at);
      sums = f64x2.add(sums, f64x2.promote_low_f32x4(x));
      highSums = f64x2.add(highSums, f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3)));
    }
    for (; i < r2; i++, at += 4) total += <f64>load<f32>(at);
  }
  sums = f64x2.add(sums, highSums);
  total += f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  return <f32>(kind == MEAN ? total / (<f64>r1 * <f64>r2) : total);
}

function maxOfRows(from: usize, step: usize, r1: i32, r2: i32): f32 {
  let largest = f32x4.splat(-Infinity);
  for (let r = 0; r < r1; r++, from += step) {
    let at = from, i = 0;
    for (; i + 4 <= r2; i += 4, at += 16) largest = f32x4.max(largest, v128.load(at));
    for (; i < r2; i++, at += 4) largest = f32x4.max(largest, v128.load32_splat(at));
  }
  return max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
}

/** Up to four neighbouring columns; reads four, stores `count`. */
function columns(to: usize, from: usize, step: usize, r1: i32, r2: i32, rowBytes: usize, kind: i32, count: i32): void {
  let low = f64x2.splat(0), high = low, largest = f32x4.splat(-Infinity);
  for (let r = 0; r < r1; r++, from += step) {
    let at = from;
    if (kind == REDUCE_MAX) {
      for (let i = 0; i < r2; i++, at += rowBytes) largest = f32x4.max(largest, v128.load(at));
    } else {
      for (let i = 0; i < r2; i++, at += rowBytes) {
        const x = v128.load(at);
        low = f64x2.add(low, f64x2.promote_low_f32x4(x));
        high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3)));
      }
    }
  }
  if (kind != REDUCE_MAX) {
    const divisors = f64x2.splat(kind == MEAN ? <f64>r1 * <f64>r2 : 1);
    largest = v128.shuffle<i32>(
      f32x4.demote_f64x2_zero(f64x2.div(low, divisors)), f32x4.demote_f64x2_zero(f64x2.div(high, divisors)), 0, 1, 4, 5,
    );
  }
  store<f32>(to, f32x4.extract_lane(largest, 0));
  if (count > 1) store<f32>(to, f32x4.extract_lane(largest, 1), 4);
  if (count > 2) store<f32>(to, f32x4.extract_lane(largest, 2), 8);
  if (count > 3) store<f32>(to, f32x4.extract_lane(largest, 3), 12);
}

/** Index of the first largest value. Arguments: 0 x [outer, A, inner], 1 out, 2 outer, 3 A, 4 inner. A chunk is 64 results. */
export function argmax(args: usize, chunk: i32): void {
  const x = <usize>load<u32>(args), out = <usize>load<u32>(args, 4);
  const outer = load<i32>(args, 8), A = load<i32>(args, 12), inner = load<i32>(args, 16);
  for (let i = chunk << 6, end = min((chunk + 1) << 6, outer * inner); i < end; i++) {
    let at = x + (<usize>(i / inner) * <usize>A * <usize>inner + <usize>(i % inner) << 2);
    let best: f32 = -Infinity, bestAt = 0;
    for (let a = 0; a < A; a++, at += <usize>inner << 2) {
      const value = load<f32>(at);
      if (value > best) {
        best = value;
        bestAt = a;
      }
    }
    store<i32>(out + (<usize>i << 2), bestAt);
  }
}
