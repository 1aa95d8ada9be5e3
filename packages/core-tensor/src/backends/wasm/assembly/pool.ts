// Pooling of planes [H, W] → [Ho, Wo]; padding is skipped. Plain twin: src/ops/pool.ts.
//
// Arguments of all: 0 x (or dy), 1 x of the gradient of max, 2 out, 3 planes, 4 H, 5 W, 6 Ho, 7 Wo, 8 R, 9 S, 10 strideH, 11 strideW,
// 12 padTop, 13 padLeft, 14 whether padding counts, 15 planes a chunk.

// @ts-ignore: decorator
@inline
function planeEnd(args: usize, first: i32): i32 {
  return min(first + load<i32>(args, 60), load<i32>(args, 12));
}

export function maxPoolF32(args: usize, chunk: i32): void {
  const H = load<i32>(args, 16), W = load<i32>(args, 20), Ho = load<i32>(args, 24), Wo = load<i32>(args, 28);
  const R = load<i32>(args, 32), S = load<i32>(args, 36), strideH = load<i32>(args, 40), strideW = load<i32>(args, 44);
  const padTop = load<i32>(args, 48), padLeft = load<i32>(args, 52);
  const first = chunk * load<i32>(args, 60);
  let to = <usize>load<u32>(args, 8) + (<usize>first * <usize>(Ho * Wo) << 2);
  for (let plane = first, end = planeEnd(args, first); plane < end; plane++) {
    const from = <usize>load<u32>(args) + (<usize>plane * <usize>(H * W) << 2);
    for (let i = 0; i < Ho; i++) {
      const top = max(i * strideH - padTop, 0), bottom = min(i * strideH - padTop + R, H);
      for (let j = 0; j < Wo; j++, to += 4) {
        const left = max(j * strideW - padLeft, 0), right = min(j * strideW - padLeft + S, W);
        let best: f32 = -Infinity;
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) best = max(best, load<f32>(from + (<usize>(h * W + w) << 2)));
        }
        store<f32>(to, best);
      }
    }
  }
}

export function maxPoolU8(args: usize, chunk: i32): void {
  const H = load<i32>(args, 16), W = load<i32>(args, 20), Ho = load<i32>(args, 24), Wo = load<i32>(args, 28);
  const R = load<i32>(args, 32), S = load<i32>(args, 36), strideH = load<i32>(args, 40), strideW = load<i32>(args, 44);
  const padTop = load<i32>(args, 48), padLeft = load<i32>(args, 52);
  const first = chunk * load<i32>(args, 60);
  let to = <usize>load<u32>(args, 8) + <usize>first * <usize>(Ho * Wo);
  for (let plane = first, end = planeEnd(args, first); plane < end; plane++) {
    const from = <usize>load<u32>(args) + <usize>plane * <usize>(H * W);
    for (let i = 0; i < Ho; i++) {
      const top = max(i * strideH - padTop, 0), bottom = min(i * strideH - padTop + R, H);
      for (let j = 0; j < Wo; j++, to++) {
        const left = max(j * strideW - padLeft, 0), right = min(j * strideW - padLeft + S, W);
        let best: u32 = 0;
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) best = max(best, <u32>load<u8>(from + <usize>(h * W + w)));
        }
        store<u8>(to, <u8>best);
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
