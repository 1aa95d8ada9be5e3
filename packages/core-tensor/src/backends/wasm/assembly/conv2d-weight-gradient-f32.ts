import { madd, sumLanes } from "./madd";
import { fillPlane } from "./planes";

// dw [m, k] = Σ over images and pixels of dy [m, q] · x [q + shift k]: both operands are runs of pixels, so a tile keeps 4 × 2
// sums of vectors and adds their lanes at the end. Plain twin: src/ops/conv2d.ts.
//
//             k 0   k 1         8 sums, 2 vectors of x, 1 of dy. x: padded planes (planes.ts), read at the shift of each k;
//     m 0     c00   c01         dy: rows of the same pitch, with zeros where a run goes on over the end of a row.
//     m 1     c10   c11
//     m 2     c20   c21         Images are summed in a fixed number of groups; each has sums of its own, which
//     m 3     c30   c31         SUM_PARTIALS adds up in order. The number of threads changes no bit.
//
// Measured as conv2d-f32.ts: 23 to 27 GF/s; the shorter the runs, the more the lanes' sums cost.

/**
 * Arguments: 0 x, 1 dy, 2 partial sums [image group][M][K], 3 groups, 4 channels of a group, 5 H, 6 W, 7 strideH, 8 strideW, 9 padTop,
 * 10 padLeft, 11 pitch, 12 floats of a plane of x, 13 filters of a group, 14 outH, 15 outW, 16 K, 17 rows of a band, 18 bands,
 * 19 largest row shift, 20 source phases, 21 their place [fy, fx], 22 place of the shifts in bytes, 23 image groups, 24 images,
 * 25 images at a time, 26 floats of a plane of dy, 27 filters of a chunk, 28 filter blocks, 29 bytes of all planes of x of one image.
 * A chunk is an image group, a group of channels and a block of filters.
 */
export function correlateWeights(args: usize, chunk: i32, scratch: usize): void {
  const groups = load<i32>(args, 12), channels = load<i32>(args, 16), H = load<i32>(args, 20), W = load<i32>(args, 24);
  const stepH = load<i32>(args, 28), stepW = load<i32>(args, 32), padTop = load<i32>(args, 36), padLeft = load<i32>(args, 40);
  const pitch = load<i32>(args, 44), planeFloats = load<i32>(args, 48);
  const filters = load<i32>(args, 52), outH = load<i32>(args, 56), outW = load<i32>(args, 60), K = load<i32>(args, 64);
  const bandRows = load<i32>(args, 68), bands = load<i32>(args, 72), rowShift = load<i32>(args, 76);
  const phases = load<i32>(args, 80), phaseTable = args + (<usize>load<u32>(args, 84) << 2), shifts = args + (<usize>load<u32>(args, 88) << 2);
  const imageGroups = load<i32>(args, 92), images = load<i32>(args, 96), atATime = load<i32>(args, 100);
  const dyPlaneFloats = load<i32>(args, 104), blockFilters = load<i32>(args, 108), blocks = load<i32>(args, 112);
  const xBytes = <usize>load<u32>(args, 116);

  const block = chunk % blocks, group = (chunk / blocks) % groups, imageGroup = chunk / blocks / groups;
  const firstFilter = block * blockFilters, count = min(blockFilters, filters - firstFilter), padded = (count + 3) & ~3;
  const dyBytes = (<usize>padded * <usize>dyPlaneFloats) << 2, rowBytes = <usize>dyPlaneFloats << 2;
  const dyPlanes = scratch + <usize>atATime * xBytes;
  const partial = <usize>load<u32>(args, 8) + (((<usize>(imageGroup * groups + group) * <usize>filters + <usize>firstFilter) * <usize>K) << 2);
  memory.fill(partial, 0, (<usize>count * <usize>K) << 2);

  const endImage = ((imageGroup + 1) * images) / imageGroups;
  for (let image = (imageGroup * images) / imageGroups; image < endImage; image += atATime) {
    const together = min(atATime, endImage - image);
    for (let band = 0; band < bands; band++) {
      const firstRow = band * bandRows, rows = min(bandRows, outH - firstRow);
      for (let i = 0; i < together; i++) {
        let x = <usize>load<u32>(args) + ((<usize>((image + i) * groups + group) * <usize>channels * <usize>(H * W)) << 2);
        let to = scratch + <usize>i * xBytes;
        for (let channel = 0; channel < channels; channel++, x += <usize>(H * W) << 2) {
          for (let phase = 0; phase < phases; phase++, to += <usize>planeFloats << 2) {
            const shiftH = load<i32>(phaseTable + (<usize>phase << 3)) - padTop, shiftW = load<i32>(phaseTable + (<usize>phase << 3), 4) - padLeft;
            fillPlane(to, planeFloats, x, H, W, firstRow, rows + rowShift, pitch, stepH, stepW, shiftH, shiftW);
          }
        }
        let dy = <usize>load<u32>(args, 4) + ((<usize>(((image + i) * groups + group) * filters + firstFilter) * <usize>(outH * outW)) << 2);
        to = dyPlanes + <usize>i * dyBytes;
        for (let m = 0; m < padded; m++, to += rowBytes, dy += <usize>(outH * outW) << 2) {
          fillPlane(to, dyPlaneFloats, dy, m < count ? outH : 0, outW, firstRow, rows, pitch, 1, 1, 0, 0);
        }
      }
      const vectors = ((rows - 1) * pitch + outW + 3) >> 2;
      for (let m = 0; m < count; m += 4) {
        const dy = dyPlanes + <usize>m * rowBytes;
        const to = partial + ((<usize>m * <usize>K) << 2);
        for (let k = 0; k < K; k += 2) {
          const shift = shifts + (<usize>k << 2);
          const second = k + 1 < K ? 4 : 0;
          weightTile4x2(dy, rowBytes, dyBytes, scratch + load<u32>(shift), scratch + load<u32>(shift + second), xBytes, vectors, together, to + (<usize>k << 2), <usize>K << 2, count - m, second != 0);
        }
      }
    }
  }
}

export function weightTile4x2(
  dy: usize, rowBytes: usize, dyBytes: usize, x0: usize, x1: usize, xBytes: usize, vectors: i32, images: i32, to: usize, toRowBytes: usize, rows: i32, hasSecond: bool,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  for (let image = 0; image < images; image++, dy += dyBytes, x0 += xBytes, x1 += xBytes) {
    let d0 = dy, d1 = dy + rowBytes, d2 = d1 + rowBytes, d3 = d2 + rowBytes;
    for (let i: usize = 0, end = <usize>vectors << 4; i < end; i += 16) {
      const b0 = v128.load(x0 + i), b1 = v128.load(x1 + i);
      let row = v128.load(d0 + i);
      c00 = madd(row, b0, c00); c01 = madd(row, b1, c01);
      row = v128.load(d1 + i);
      c10 = madd(row, b0, c10); c11 = madd(row, b1, c11);
      row = v128.load(d2 + i);
      c20 = madd(row, b0, c20); c21 = madd(row, b1, c21);
      row = v128.load(d3 + i);
      c30 = madd(row, b0, c30); c31 = madd(row, b1, c31);
    }
  }
  addSums(to, c00, c01, hasSecond);
  if (rows > 1) addSums(to + toRowBytes, c10, c11, hasSecond);
  if (rows > 2) addSums(to + (toRowBytes << 1), c20, c21, hasSecond);
  if (rows > 3) addSums(to + 3 * toRowBytes, c30, c31, hasSecond);
}

// @ts-ignore: decorator
@inline
function addSums(to: usize, first: v128, second: v128, hasSecond: bool): void {
  store<f32>(to, load<f32>(to) + sumLanes(first));
  if (hasSecond) store<f32>(to, load<f32>(to, 4) + sumLanes(second), 4);
}

/** out[i] = ((p₀[i] + p₁[i]) + p₂[i]) + … Arguments: 0 partial sums, 1 out, 2 elements, 3 parts. A chunk is 4096 elements. */
export function sumPartials(args: usize, chunk: i32): void {
  const elements = load<i32>(args, 8), parts = load<i32>(args, 12);
  const first = chunk << 12, end = min(first + 4096, elements);
  const from = <usize>load<u32>(args) + (<usize>first << 2), to = <usize>load<u32>(args, 4) + (<usize>first << 2);
  const partBytes = <usize>elements << 2;
  let i = 0;
  for (const count = end - first - 3; i < count; i += 4) {
    let at = from + (<usize>i << 2);
    let sum = v128.load(at);
    for (let part = 1; part < parts; part++) sum = f32x4.add(sum, v128.load((at += partBytes)));
    v128.store(to + (<usize>i << 2), sum);
  }
  for (; i < end - first; i++) {
    let at = from + (<usize>i << 2);
    let sum = load<f32>(at);
    for (let part = 1; part < parts; part++) sum += load<f32>((at += partBytes));
    store<f32>(to + (<usize>i << 2), sum);
  }
}
