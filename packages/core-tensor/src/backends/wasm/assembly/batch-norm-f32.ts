// Batch norm over x [N, C, inner], a channel or a few planes at a time. Plain twin: src/ops/batch-norm.ts. Sums are kept in
// float64 lanes: as exact as the reference. Floor: bytes of x (and dy) once a pass; moments take two passes.

// @ts-ignore: decorator
@inline
function sumLanes64(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

/** The upper two floats as float64. */
// @ts-ignore: decorator
@inline
function promoteHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3));
}

/** Arguments: 0 x, 1 out [2, C], 2 N, 3 C, 4 inner. A chunk is a channel. */
export function batchMoments(args: usize, channel: i32): void {
  const N = load<i32>(args, 8), C = load<i32>(args, 12), inner = load<i32>(args, 16);
  const first = <usize>load<u32>(args) + (<usize>(channel * inner) << 2);
  const step = <usize>(C * inner) << 2;
  const count = <f64>N * <f64>inner;
  const vectors = inner >> 2;

  let sums = f64x2.splat(0), highSums = sums;
  let total: f64 = 0;
  for (let n = 0, plane = first; n < N; n++, plane += step) {
    let at = plane;
    for (let i = 0; i < vectors; i++, at += 16) {
      const x = v128.load(at);
      sums = f64x2.add(sums, f64x2.promote_low_f32x4(x));
      highSums = f64x2.add(highSums, promoteHigh(x));
    }
    for (let i = vectors << 2; i < inner; i++, at += 4) total += <f64>load<f32>(at);
  }
  const mean = (total + sumLanes64(f64x2.add(sums, highSums))) / count;

  const means = f64x2.splat(mean);
  sums = f64x2.splat(0);
  highSums = sums;
  total = 0;
  for (let n = 0, plane = first; n < N; n++, plane += step) {
    let at = plane;
    for (let i = 0; i < vectors; i++, at += 16) {
      const x = v128.load(at);
      const low = f64x2.sub(f64x2.promote_low_f32x4(x), means), high = f64x2.sub(promoteHigh(x), means);
      sums = f64x2.add(sums, f64x2.mul(low, low));
      highSums = f64x2.add(highSums, f64x2.mul(high, high));
    }
    for (let i = vectors << 2; i < inner; i++, at += 4) {
      const apart = <f64>load<f32>(at) - mean;
      total += apart * apart;
    }
  }
  const out = <usize>load<u32>(args, 4) + (<usize>channel << 2);
  store<f32>(out, <f32>mean);
  store<f32>(out + (<usize>C << 2), <f32>((total + sumLanes64(f64x2.add(sums, highSums))) / count));
}

/**
 * (x − mean) · (1 / √(variance + ε)) · γ + β.
 * Arguments: 0 x, 1 moments, 2 gamma, 3 beta, 4 out, 5 planes, 6 C, 7 inner, 8 planes a chunk, 9 epsilon.
 */
export function batchNormalise(args: usize, chunk: i32): void {
  const planes = load<i32>(args, 20), C = load<i32>(args, 24), inner = load<i32>(args, 28), each = load<i32>(args, 32);
  const moments = <usize>load<u32>(args, 4), gammas = <usize>load<u32>(args, 8), betas = <usize>load<u32>(args, 12);
  const epsilon = load<f32>(args, 36);
  const first = chunk * each;
  let at = <usize>load<u32>(args) + (<usize>(first * inner) << 2), to = <usize>load<u32>(args, 16) + (<usize>(first * inner) << 2);
  for (let plane = first, end = min(first + each, planes); plane < end; plane++) {
    const channel = <usize>(plane % C) << 2;
    const mean = load<f32>(moments + channel);
    const scale = reciprocalDeviation(moments + channel + (<usize>C << 2), epsilon);
    const gamma = load<f32>(gammas + channel), beta = load<f32>(betas + channel);
    const means = f32x4.splat(mean), scales = f32x4.splat(scale), slopes = f32x4.splat(gamma), shifts = f32x4.splat(beta);
    let i = 0;
    for (; i + 4 <= inner; i += 4, at += 16, to += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(at), means), scales);
      v128.store(to, f32x4.add(f32x4.mul(normal, slopes), shifts));
    }
    for (; i < inner; i++, at += 4, to += 4) store<f32>(to, (load<f32>(at) - mean) * scale * gamma + beta);
  }
}

// @ts-ignore: decorator
@inline
function reciprocalDeviation(variance: usize, epsilon: f32): f32 {
  return <f32>(1 / Math.sqrt(<f64>load<f32>(variance) + <f64>epsilon));
}

/** Σ dy · x̂ and Σ dy. Arguments: 0 dy, 1 x, 2 moments, 3 out [2, C], 4 N, 5 C, 6 inner, 7 epsilon. A chunk is a channel. */
export function batchNormaliseGradientSums(args: usize, channel: i32): void {
  const N = load<i32>(args, 16), C = load<i32>(args, 20), inner = load<i32>(args, 24);
  const offset = <usize>(channel * inner) << 2;
  const step = <usize>(C * inner) << 2;
  const moments = <usize>load<u32>(args, 8) + (<usize>channel << 2);
  const mean = load<f32>(moments);
  const scale = reciprocalDeviation(moments + (<usize>C << 2), load<f32>(args, 28));
  const means = f32x4.splat(mean);
  const vectors = inner >> 2;
  let products = f64x2.splat(0), sums = products;
  let product: f64 = 0, total: f64 = 0;
  let dyPlane = <usize>load<u32>(args) + offset, xPlane = <usize>load<u32>(args, 4) + offset;
  for (let n = 0; n < N; n++, dyPlane += step, xPlane += step) {
    let dyAt = dyPlane, xAt = xPlane;
    for (let i = 0; i < vectors; i++, dyAt += 16, xAt += 16) {
      const dy = v128.load(dyAt);
      const moved = f32x4.mul(dy, f32x4.sub(v128.load(xAt), means));
      sums = f64x2.add(sums, f64x2.add(f64x2.promote_low_f32x4(dy), promoteHigh(dy)));
      products = f64x2.add(products, f64x2.add(f64x2.promote_low_f32x4(moved), promoteHigh(moved)));
    }
    for (let i = vectors << 2; i < inner; i++, dyAt += 4, xAt += 4) {
      const dy = load<f32>(dyAt);
      total += <f64>dy;
      product += <f64>(dy * (load<f32>(xAt) - mean));
    }
  }
  const out = <usize>load<u32>(args, 12) + (<usize>channel << 2);
  store<f32>(out, <f32>((product + sumLanes64(products)) * <f64>scale));
  store<f32>(out + (<usize>C << 2), <f32>(total + sumLanes64(sums)));
}

/**
 * γ / σ · (dy − Σdy / m − x̂ · Σ(dy · x̂) / m), m elements of a channel.
 * Arguments: 0 dy, 1 x, 2 moments, 3 gamma, 4 sums, 5 out, 6 planes, 7 C, 8 inner, 9 planes a chunk, 10 epsilon, 11 m as f32.
 */
export function batchNormaliseGradient(args: usize, chunk: i32): void {
  const planes = load<i32>(args, 24), C = load<i32>(args, 28), inner = load<i32>(args, 32), each = load<i32>(args, 36);
  const moments = <usize>load<u32>(args, 8), gammas = <usize>load<u32>(args, 12), allSums = <usize>load<u32>(args, 16);
  const epsilon = load<f32>(args, 40), count = load<f32>(args, 44);
  const first = chunk * each;
  const offset = <usize>(first * inner) << 2;
  let dyAt = <usize>load<u32>(args) + offset, xAt = <usize>load<u32>(args, 4) + offset, to = <usize>load<u32>(args, 20) + offset;
  for (let plane = first, end = min(first + each, planes); plane < end; plane++) {
    const channel = <usize>(plane % C) << 2;
    const mean = load<f32>(moments + channel);
    const scale = reciprocalDeviation(moments + channel + (<usize>C << 2), epsilon);
    const slope = load<f32>(gammas + channel) * scale;
    const along = load<f32>(allSums + channel) / count * scale;
    const level = load<f32>(allSums + channel + (<usize>C << 2)) / count;
    const means = f32x4.splat(mean), slopes = f32x4.splat(slope), alongs = f32x4.splat(along), levels = f32x4.splat(level);
    let i = 0;
    for (; i + 4 <= inner; i += 4, dyAt += 16, xAt += 16, to += 16) {
      const rest = f32x4.sub(f32x4.sub(v128.load(dyAt), levels), f32x4.mul(f32x4.sub(v128.load(xAt), means), alongs));
      v128.store(to, f32x4.mul(rest, slopes));
    }
    for (; i < inner; i++, dyAt += 4, xAt += 4, to += 4) {
      store<f32>(to, (load<f32>(dyAt) - level - (load<f32>(xAt) - mean) * along) * slope);
    }
  }
}
