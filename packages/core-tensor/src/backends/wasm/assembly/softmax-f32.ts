import { exp4, log4 } from "./elementary-functions";
import { CROSS_ENTROPY, CROSS_ENTROPY_GRADIENT, LOG_SOFTMAX } from "./opcodes";

// Rows of logits [N, K]: log Σ exp, and what follows from it. Plain twin: src/ops/softmax.ts. Each row is copied to scratch less
// its largest value, filled up to whole vectors with −Inf, whose power is 0.

/** Arguments: 0 logits, 1 labels, 2 dy, 3 out, 4 rows, 5 K, 6 kind, 7 rows a chunk. */
export function softmaxRows(args: usize, chunk: i32, scratch: usize): void {
  const K = load<i32>(args, 20), kind = load<i32>(args, 24), each = load<i32>(args, 28);
  const labels = <usize>load<u32>(args, 4), dys = <usize>load<u32>(args, 8), out = <usize>load<u32>(args, 12);
  const padded = (K + 3) & ~3;
  for (let row = chunk * each, end = min((chunk + 1) * each, load<i32>(args, 16)); row < end; row++) {
    const from = <usize>load<u32>(args) + (<usize>row * <usize>K << 2);
    let largest: f32 = -Infinity;
    for (let k: usize = 0; k < <usize>K; k++) largest = max(largest, load<f32>(from + (k << 2)));
    for (let k: usize = 0; k < <usize>K; k++) store<f32>(scratch + (k << 2), load<f32>(from + (k << 2)) - largest);
    for (let k = <usize>K; k < <usize>padded; k++) store<f32>(scratch + (k << 2), -Infinity);
    let sums = f64x2.splat(0);
    const powers = scratch + (<usize>padded << 2);
    for (let at: usize = 0, bytes = <usize>padded << 2; at < bytes; at += 16) {
      const power = exp4(v128.load(scratch + at));
      v128.store(powers + at, power);
      sums = f64x2.add(sums, f64x2.add(f64x2.promote_low_f32x4(power), f64x2.promote_low_f32x4(v128.shuffle<i32>(power, power, 2, 3, 2, 3))));
    }
    const total = <f32>(f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1));
    const logTotal = f32x4.extract_lane(log4(f32x4.splat(total)), 0);
    if (kind == CROSS_ENTROPY) {
      const label = load<i32>(labels + (<usize>row << 2));
      const isKnown = label >= 0 && label < K;
      store<f32>(out + (<usize>row << 2), isKnown ? logTotal - load<f32>(scratch + (<usize>label << 2)) : NaN);
      continue;
    }
    const to = out + (<usize>row * <usize>K << 2);
    if (kind == LOG_SOFTMAX) {
      for (let k: usize = 0; k < <usize>K; k++) store<f32>(to + (k << 2), load<f32>(scratch + (k << 2)) - logTotal);
    } else if (kind == CROSS_ENTROPY_GRADIENT) {
      const label = load<i32>(labels + (<usize>row << 2));
      const isKnown = label >= 0 && label < K;
      const dy = isKnown ? load<f32>(dys + (<usize>row << 2)) : NaN;
      for (let k = 0; k < K; k++) {
        const hit: f32 = k == label ? 1 : 0;
        store<f32>(to + (<usize>k << 2), (load<f32>(powers + (<usize>k << 2)) / total - hit) * dy);
      }
    } else {
      for (let k: usize = 0; k < <usize>K; k++) store<f32>(to + (k << 2), load<f32>(powers + (k << 2)) / total);
    }
  }
}
