import { copyRow, fillPlane } from "./planes";
import { multiplyRows, ROWS_TOGETHER } from "./tiles";

// Convolution and its input gradient, as products of filters [rows, K] with shifted runs of padded planes [K, pixels]
// (planes.ts). K runs over (channel, tap); a table holds the shift of each k in bytes. Plain twin: src/ops/conv2d.ts.
//
// Tiles are those of tiles.ts; pixels are read through the table, unaligned, and come from the first cache: taps overlap, and planes
// of one image are small.
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
    for (let row = 0; row < rowsOut; row += ROWS_TOGETHER) {
      const pair = panels + <usize>(row >> 1) * pairBytes + (<usize>firstK << 3);
      const count = min(ROWS_TOGETHER, rowsOut - row);
      for (let k = 0; k < K || k == 0; k += K_PIECE) { // once even without taps: then the tiles write zeros
        const steps = min(K_PIECE, K - k);
        multiplyRows<f32>(pair + (<usize>k << 3), pairBytes, shifts + (<usize>(firstK + k) << 2), steps, planes, tile, tileBytes, pixels, count, k > 0);
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
