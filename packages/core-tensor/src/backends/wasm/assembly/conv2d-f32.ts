import { madd } from "./madd";
import { copyRow, fillPlane } from "./planes";

// Convolution and its input gradient, as products of filters [rows, K] with shifted runs of padded planes [K, pixels]
// (planes.ts). K runs over (channel, tap); a table holds the shift of each k in bytes. Plain twin: src/ops/conv2d.ts.
//
//            q 0..3  q 4..7  q 8..11  q 12..15     the tile of matmul-f32.ts; b is read through the table, unaligned, and
//     m 0      c00     c01     c02      c03        comes from the first cache: taps overlap, and planes of one image are
//     m 1      c10     c11     c12      c13        small. A tail of up to 8 pixels takes 4 rows × 8 pixels instead.
//
// Floor: multiply-adds, 4 a vector. Measured, portable, one thread, 3 × 3 at 16 to 64 channels, 28² to 7², batch 64: 27 to 29 GF/s,
// 0.83 of the tile alone; garbage between rows takes 4 to 14 %, the planes' copy the rest.
//
// The input gradient is the same product with dy for the image and filters turned round; with stride (ph, pw) the pixels of
// dx fall in ph · pw phases, each reached by its own taps only: K ranges of one table. Nothing is multiplied by padding zeros
// between strided pixels.
const K_PIECE: i32 = 512;

/**
 * Filters in pairs of rows: panels [group][pair][k][2], rows filled up to a multiple of 4 with zeros.
 * Arguments: 0 filters, 1 panels, 2 rows of a group, 3 K, 4 floats between rows, 5 floats between groups, 6 floats between groups of
 * panels, 7 place of the table of K offsets in floats. A chunk is a group.
 */
export function packFilters(args: usize, group: i32): void {
  const rows = load<i32>(args, 8), K = load<i32>(args, 12);
  const rowBytes = <usize>load<u32>(args, 16) << 2;
  const source = <usize>load<u32>(args) + <usize>group * (<usize>load<u32>(args, 20) << 2);
  let to = <usize>load<u32>(args, 4) + <usize>group * (<usize>load<u32>(args, 24) << 2);
  const table = args + (<usize>load<u32>(args, 28) << 2);
  const padded = (rows + 3) & ~3;
  for (let row = 0; row < padded; row += 2) {
    const first = source + <usize>row * rowBytes, second = first + rowBytes;
    for (let k = 0; k < K; k++, to += 8) {
      const offset = <usize>load<u32>(table + (<usize>k << 2)) << 2;
      store<f32>(to, row < rows ? load<f32>(first + offset) : 0);
      store<f32>(to, row + 1 < rows ? load<f32>(second + offset) : 0, 4);
    }
  }
}

/**
 * Arguments: 0 source, 1 panels, 2 out, 3 groups, 4 source channels of a group, 5 H, 6 W of the source, 7 stepH, 8 stepW, 9 padTop,
 * 10 padLeft, 11 pitch, 12 floats of a plane, 13 rows of out of a group, 14 outH, 15 outW, 16 ph, 17 pw, 18 K in all,
 * 19 rows of a band, 20 bands, 21 largest row shift, 22 source phases, 23 their place [fy, fx], 24 out phases,
 * 25 their place [first k, K, rows, columns, py, px], 26 place of the shifts in bytes, 27 bytes of the planes in scratch,
 * 28 floats between tile rows in scratch, 29 whether planes are read where they lie.
 * A chunk is an image, a group and a band of rows: chunk = (image · groups + group) · bands + band.
 */
export function correlate(args: usize, chunk: i32, scratch: usize): void {
  const groups = load<i32>(args, 12), channels = load<i32>(args, 16), H = load<i32>(args, 20), W = load<i32>(args, 24);
  const pitch = load<i32>(args, 44), planeFloats = load<i32>(args, 48);
  const rowsOut = load<i32>(args, 52), outH = load<i32>(args, 56), outW = load<i32>(args, 60);
  const ph = load<i32>(args, 64), pw = load<i32>(args, 68), allK = load<i32>(args, 72);
  const bandRows = load<i32>(args, 76), bands = load<i32>(args, 80);
  const band = chunk % bands, group = (chunk / bands) % groups, image = chunk / bands / groups;
  const firstRow = band * bandRows;

  let planes = scratch;
  let source = <usize>load<u32>(args) + ((<usize>(image * groups + group) * <usize>channels * <usize>(H * W)) << 2);
  if (load<i32>(args, 116)) {
    planes = source + (<usize>(firstRow * pitch) << 2);
  } else {
    gatherPlanes(args, scratch, source, channels, firstRow, bandRows + load<i32>(args, 84));
  }

  const tile = scratch + <usize>load<u32>(args, 108);
  const tileBytes = <usize>load<u32>(args, 112) << 2;
  const shifts = args + (<usize>load<u32>(args, 104) << 2);
  const panels = <usize>load<u32>(args, 4) + ((<usize>group * <usize>((rowsOut + 3) & ~3) * <usize>allK) << 2);
  const pairBytes = <usize>allK << 3;
  const out = <usize>load<u32>(args, 8) + ((<usize>(image * groups + group) * <usize>rowsOut * <usize>(outH * outW)) << 2);
  const phases = load<i32>(args, 96);
  let phase = args + (<usize>load<u32>(args, 100) << 2);
  for (let i = 0; i < phases; i++, phase += 24) {
    const firstK = load<i32>(phase), K = load<i32>(phase, 4);
    const rows = min(bandRows, load<i32>(phase, 8) - firstRow), columns = load<i32>(phase, 12);
    if (rows <= 0 || columns <= 0) continue;
    const pixels = (rows - 1) * pitch + columns;
    const to = out + (<usize>((firstRow * ph + load<i32>(phase, 16)) * outW + load<i32>(phase, 20)) << 2);
    for (let row = 0; row < rowsOut; row += 4) {
      const pair = panels + <usize>(row >> 1) * pairBytes + (<usize>firstK << 3);
      const count = min(4, rowsOut - row);
      for (let k = 0; k < K || k == 0; k += K_PIECE) { // once even without taps: then the tiles write zeros
        const steps = min(K_PIECE, K - k);
        multiplyRows(pair + (<usize>k << 3), pairBytes, shifts + (<usize>(firstK + k) << 2), steps, planes, tile, tileBytes, pixels, count, k > 0);
      }
      for (let m = 0; m < count; m++) {
        copyTile(to + ((<usize>(row + m) * <usize>(outH * outW)) << 2), <usize>(ph * outW) << 2, pw, tile + <usize>m * tileBytes, <usize>pitch << 2, rows, columns);
      }
    }
  }
}

/** All source phases of all channels: planes [channel][phase]. */
function gatherPlanes(args: usize, planes: usize, source: usize, channels: i32, firstRow: i32, rows: i32): void {
  const H = load<i32>(args, 20), W = load<i32>(args, 24), stepH = load<i32>(args, 28), stepW = load<i32>(args, 32);
  const padTop = load<i32>(args, 36), padLeft = load<i32>(args, 40), pitch = load<i32>(args, 44), planeFloats = load<i32>(args, 48);
  const phases = load<i32>(args, 88), table = args + (<usize>load<u32>(args, 92) << 2);
  for (let channel = 0; channel < channels; channel++, source += <usize>(H * W) << 2) {
    for (let phase = 0; phase < phases; phase++, planes += <usize>planeFloats << 2) {
      const shiftH = load<i32>(table + (<usize>phase << 3)) - padTop, shiftW = load<i32>(table + (<usize>phase << 3), 4) - padLeft;
      fillPlane(planes, planeFloats, source, H, W, firstRow, rows, pitch, stepH, stepW, shiftH, shiftW);
    }
  }
}

function multiplyRows(
  pair: usize, pairBytes: usize, shifts: usize, K: i32, planes: usize, tile: usize, tileBytes: usize, pixels: i32, rows: i32, isContinued: bool,
): void {
  let q = 0;
  for (; q + 8 < pixels; q += 16) {
    const at = <usize>q << 2;
    correlateTile2x16(pair, shifts, K, planes + at, tile + at, tileBytes, isContinued);
    if (rows > 2) correlateTile2x16(pair + pairBytes, shifts, K, planes + at, tile + (tileBytes << 1) + at, tileBytes, isContinued);
  }
  if (q < pixels) correlateTile4x8(pair, pairBytes, shifts, K, planes + (<usize>q << 2), tile + (<usize>q << 2), tileBytes, isContinued);
}

/** Drops the garbage between rows of a tile and spreads its pixels `step` floats apart. */
// @ts-ignore: decorator
@inline
export function copyTile(to: usize, toRowBytes: usize, step: i32, from: usize, fromRowBytes: usize, rows: i32, columns: i32): void {
  if (step == 1) {
    for (let y = 0; y < rows; y++, to += toRowBytes, from += fromRowBytes) copyRow(to, from, columns);
    return;
  }
  for (let y = 0; y < rows; y++, to += toRowBytes, from += fromRowBytes) {
    let at = to;
    for (let x: usize = 0; x < <usize>columns; x++, at += <usize>step << 2) store<f32>(at, load<f32>(from + (x << 2)));
  }
}

function correlateTile2x16(a: usize, shifts: usize, K: i32, planes: usize, out: usize, rowBytes: usize, isContinued: bool): void {
  let c00 = f32x4.splat(0), c01 = c00, c02 = c00, c03 = c00, c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  const second = out + rowBytes;
  if (isContinued) {
    c00 = v128.load(out); c01 = v128.load(out, 16); c02 = v128.load(out, 32); c03 = v128.load(out, 48);
    c10 = v128.load(second); c11 = v128.load(second, 16); c12 = v128.load(second, 32); c13 = v128.load(second, 48);
  }
  for (let k = 0; k < K; k++, a += 8, shifts += 4) {
    const b = planes + <usize>load<u32>(shifts);
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let row = v128.load32_splat(a);
    c00 = madd(row, b0, c00); c01 = madd(row, b1, c01); c02 = madd(row, b2, c02); c03 = madd(row, b3, c03);
    row = v128.load32_splat(a, 4);
    c10 = madd(row, b0, c10); c11 = madd(row, b1, c11); c12 = madd(row, b2, c12); c13 = madd(row, b3, c13);
  }
  v128.store(out, c00); v128.store(out, c01, 16); v128.store(out, c02, 32); v128.store(out, c03, 48);
  v128.store(second, c10); v128.store(second, c11, 16); v128.store(second, c12, 32); v128.store(second, c13, 48);
}

function correlateTile4x8(a: usize, pairBytes: usize, shifts: usize, K: i32, planes: usize, out: usize, rowBytes: usize, isContinued: bool): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  const out1 = out + rowBytes, out2 = out1 + rowBytes, out3 = out2 + rowBytes;
  if (isContinued) {
    c00 = v128.load(out); c01 = v128.load(out, 16); c10 = v128.load(out1); c11 = v128.load(out1, 16);
    c20 = v128.load(out2); c21 = v128.load(out2, 16); c30 = v128.load(out3); c31 = v128.load(out3, 16);
  }
  let next = a + pairBytes;
  for (let k = 0; k < K; k++, a += 8, next += 8, shifts += 4) {
    const b = planes + <usize>load<u32>(shifts);
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let row = v128.load32_splat(a);
    c00 = madd(row, b0, c00); c01 = madd(row, b1, c01);
    row = v128.load32_splat(a, 4);
    c10 = madd(row, b0, c10); c11 = madd(row, b1, c11);
    row = v128.load32_splat(next);
    c20 = madd(row, b0, c20); c21 = madd(row, b1, c21);
    row = v128.load32_splat(next, 4);
    c30 = madd(row, b0, c30); c31 = madd(row, b1, c31);
  }
  v128.store(out, c00); v128.store(out, c01, 16); v128.store(out1, c10); v128.store(out1, c11, 16);
  v128.store(out2, c20); v128.store(out2, c21, 16); v128.store(out3, c30); v128.store(out3, c31, 16);
}
