// Pooling of planes [H, W] → [Ho, Wo]; padding is skipped. Plain twin: src/ops/pool.ts.
//
// Arguments of all: 0 x (or dy), 1 x of the gradient of max, 2 out, 3 planes, 4 H, 5 W, 6 Ho, 7 Wo, 8 R, 9 S, 10 strideH, 11 strideW,
// 12 padTop, 13 padLeft, 14 whether padding counts, 15 planes a chunk.

// @ts-ignore: decorator
@inline
function planeEnd(args: usize, first: i32): i32 {
  return min(first + load<i32>(args, 60), load<i32>(args, 12));
}

// @ts-ignore: decorator
@inline
function largerOf<T>(a: v128, b: v128): v128 {
  return isFloat<T>() ? f32x4.max(a, b) : i8x16.max_u(a, b);
}

/** Every second element of two vectors. */
// @ts-ignore: decorator
@inline
function evens<T>(a: v128, b: v128): v128 {
  if (isFloat<T>()) return v128.shuffle<f32>(a, b, 0, 2, 4, 6);
  return v128.shuffle<u8>(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

/** The others. */
// @ts-ignore: decorator
@inline
function odds<T>(a: v128, b: v128): v128 {
  if (isFloat<T>()) return v128.shuffle<f32>(a, b, 1, 3, 5, 7);
  return v128.shuffle<u8>(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/** The largest of each column in three rows: the windows of most networks. */
function largestOfThree<T>(to: usize, from: usize, rowBytes: i32): void {
  const second = from + <usize>rowBytes, third = second + <usize>rowBytes;
  for (let i: usize = 0, end = <usize>rowBytes; i < end; i += 16) {
    v128.store(to + i, largerOf<T>(largerOf<T>(v128.load(from + i), v128.load(second + i)), v128.load(third + i)));
  }
}

/**
 * The largest of each column first, a row of W vectors wide in scratch with what padding counts as (the lowest value) on either side;
 * then the largest of S neighbours, whole vectors for strides 1 and 2. Floor: reading x once.
 */
export function maxPool<T extends number>(args: usize, chunk: i32, scratch: usize): void {
  const H = load<i32>(args, 16), W = load<i32>(args, 20), Ho = load<i32>(args, 24), Wo = load<i32>(args, 28);
  const R = load<i32>(args, 32), S = load<i32>(args, 36), strideH = load<i32>(args, 40), strideW = load<i32>(args, 44);
  const padTop = load<i32>(args, 48), padLeft = load<i32>(args, 52);
  const size = <i32>sizeof<T>(), lanes = 16 / size;
  const lowest = isFloat<T>() ? f32x4.splat(-Infinity) : i8x16.splat(0);
  const columns = scratch + <usize>(padLeft * size), end = scratch + <usize>(((Wo - 1) * strideW + S) * size);
  for (let at = scratch; at < columns; at += 16) v128.store(at, lowest);
  const first = chunk * load<i32>(args, 60);
  let to = <usize>load<u32>(args, 8) + <usize>(first * size) * <usize>(Ho * Wo);
  for (let plane = first, last = planeEnd(args, first); plane < last; plane++) {
    const from = <usize>load<u32>(args) + <usize>(plane * size) * <usize>(H * W);
    for (let i = 0; i < Ho; i++) {
      const top = max(i * strideH - padTop, 0), bottom = min(i * strideH - padTop + R, H);
      if (bottom - top == 3) largestOfThree<T>(columns, from + <usize>(top * W * size), W * size);
      else {
        for (let w = 0; w < W; w += lanes) {
          let best = lowest;
          for (let h = top; h < bottom; h++) best = largerOf<T>(best, v128.load(from + <usize>((h * W + w) * size)));
          v128.store(columns + <usize>(w * size), best);
        }
      }
      for (let at = columns + <usize>(W * size); at < end; at += 16) v128.store(at, lowest);
      let j = 0;
      if (strideW == 2 && S == 3) {
        for (let at = scratch; j + lanes <= Wo; j += lanes, to += 16, at += 32) {
          const low = v128.load(at), high = v128.load(at, 16), next = evens<T>(v128.load(at + <usize>(2 * size)), v128.load(at + <usize>(2 * size), 16));
          v128.store(to, largerOf<T>(largerOf<T>(evens<T>(low, high), odds<T>(low, high)), next));
        }
      } else if (strideW <= 2) {
        for (; j + lanes <= Wo; j += lanes, to += 16) {
          let at = scratch + <usize>(j * strideW * size), best = lowest;
          for (let s = 0; s < S; s++, at += <usize>size) {
            best = largerOf<T>(best, strideW == 1 ? v128.load(at) : evens<T>(v128.load(at), v128.load(at, 16)));
          }
          v128.store(to, best);
        }
      }
      for (; j < Wo; j++, to += <usize>size) {
        const at = scratch + <usize>(j * strideW * size);
        let best = load<T>(at);
        for (let s = 1; s < S; s++) best = max<T>(best, load<T>(at + <usize>(s * size)));
        store<T>(to, best);
      }
    }
  }
}

/** Each dy goes to the first largest input of its window. */
export function maxPoolGradient(args: usize, chunk: i32): void {
  const H = load<i32>(args, 16), W = load<i32>(args, 20), Ho = load<i32>(args, 24), Wo = load<i32>(args, 28);
  const R = load<i32>(args, 32), S = load<i32>(args, 36), strideH = load<i32>(args, 40), strideW = load<i32>(args, 44);
  const padTop = load<i32>(args, 48), padLeft = load<i32>(args, 52);
  const first = chunk * load<i32>(args, 60);
  let dy = <usize>load<u32>(args) + (<usize>first * <usize>(Ho * Wo) << 2);
  for (let plane = first, end = planeEnd(args, first); plane < end; plane++) {
    const offset = <usize>plane * <usize>(H * W) << 2;
    const from = <usize>load<u32>(args, 4) + offset, to = <usize>load<u32>(args, 8) + offset;
    memory.fill(to, 0, <usize>(H * W) << 2);
    for (let i = 0; i < Ho; i++) {
      const top = max(i * strideH - padTop, 0), bottom = min(i * strideH - padTop + R, H);
      for (let j = 0; j < Wo; j++, dy += 4) {
        const left = max(j * strideW - padLeft, 0), right = min(j * strideW - padLeft + S, W);
        let bestAt: usize = usize.MAX_VALUE;
        let best: f32 = -Infinity;
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) {
            const at = <usize>(h * W + w) << 2;
            const value = load<f32>(from + at);
            if (bestAt == usize.MAX_VALUE || value > best) {
              best = value;
              bestAt = at;
            }
          }
        }
        if (bestAt != usize.MAX_VALUE) store<f32>(to + bestAt, load<f32>(to + bestAt) + load<f32>(dy));
      }
    }
  }
}

export function averagePool(args: usize, chunk: i32): void {
  const H = load<i32>(args, 16), W = load<i32>(args, 20), Ho = load<i32>(args, 24), Wo = load<i32>(args, 28);
  const R = load<i32>(args, 32), S = load<i32>(args, 36), strideH = load<i32>(args, 40), strideW = load<i32>(args, 44);
  const padTop = load<i32>(args, 48), padLeft = load<i32>(args, 52), countsPadding = load<i32>(args, 56) != 0;
  const first = chunk * load<i32>(args, 60);
  let to = <usize>load<u32>(args, 8) + (<usize>first * <usize>(Ho * Wo) << 2);
  for (let plane = first, end = planeEnd(args, first); plane < end; plane++) {
    const from = <usize>load<u32>(args) + (<usize>plane * <usize>(H * W) << 2);
    for (let i = 0; i < Ho; i++) {
      const top = max(i * strideH - padTop, 0), bottom = min(i * strideH - padTop + R, H);
      for (let j = 0; j < Wo; j++, to += 4) {
        const left = max(j * strideW - padLeft, 0), right = min(j * strideW - padLeft + S, W);
        let total: f64 = 0;
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) total += <f64>load<f32>(from + (<usize>(h * W + w) << 2));
        }
        const count = countsPadding ? R * S : max(bottom - top, 0) * max(right - left, 0);
        store<f32>(to, <f32>(total / <f64>count));
      }
    }
  }
}

/** dy spread evenly over its window. */
export function averagePoolGradient(args: usize, chunk: i32): void {
  const H = load<i32>(args, 16), W = load<i32>(args, 20), Ho = load<i32>(args, 24), Wo = load<i32>(args, 28);
  const R = load<i32>(args, 32), S = load<i32>(args, 36), strideH = load<i32>(args, 40), strideW = load<i32>(args, 44);
  const padTop = load<i32>(args, 48), padLeft = load<i32>(args, 52), countsPadding = load<i32>(args, 56) != 0;
  const first = chunk * load<i32>(args, 60);
  let dy = <usize>load<u32>(args) + (<usize>first * <usize>(Ho * Wo) << 2);
  for (let plane = first, end = planeEnd(args, first); plane < end; plane++) {
    const to = <usize>load<u32>(args, 8) + (<usize>plane * <usize>(H * W) << 2);
    memory.fill(to, 0, <usize>(H * W) << 2);
    for (let i = 0; i < Ho; i++) {
      const top = max(i * strideH - padTop, 0), bottom = min(i * strideH - padTop + R, H);
      for (let j = 0; j < Wo; j++, dy += 4) {
        const left = max(j * strideW - padLeft, 0), right = min(j * strideW - padLeft + S, W);
        const count = countsPadding ? R * S : max(bottom - top, 0) * max(right - left, 0);
        const share = <f32>(<f64>load<f32>(dy) / <f64>count);
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) {
            const at = to + (<usize>(h * W + w) << 2);
            store<f32>(at, load<f32>(at) + share);
          }
        }
      }
    }
  }
}
