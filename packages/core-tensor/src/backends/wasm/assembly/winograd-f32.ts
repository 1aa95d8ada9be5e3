import { madd } from "./madd";
import { copyRow, fillPlane } from "./planes";

// Convolution of 3 × 3 taps with stride 1 by Winograd's F(2 × 2, 3 × 3): 16 products for 4 outputs, where the plain sum needs 36.
// Plain twin: src/ops/conv2d.ts. Source: Lavin and Gray, arXiv 1509.09308. Rounding grows with the largest value of
// a tile, not of each sum: for fp32 inference and by choice alone (the bound stands at WasmBackendOptions.winograd); codes never come here.
//
//     image [C, H, W]     tiles of 4 × 4, two apart          V [16][C][tiles]     V = Bᵀ d B      adds alone, 4 tiles in a vector
//     filters [M, C, 3, 3]                                   U [16][M][C]         U = G g Gᵀ      packed in pairs of rows, once
//     products            O [16][4 rows][tiles] = U · V      for 4 filters at a time, tile 2 × 16 as in matmul-f32.ts
//     image [M, Ho, Wo]   Y = Aᵀ O A                         adds alone; a 2 × 2 block of outputs from each tile
//
// Floor: 16/36 of the multiply-adds. Measured against conv2d-f32.ts in one run, batch 64: 1.5 times its speed at 16 channels of 28²,
// 1.75 at 32 of 14², 1.5 at 64 of 7² (whose last tiles are half empty), 1.2 at 8 channels, where the transforms weigh most.

/**
 * U in panels [group][row pair][16][K][2], rows filled up to a multiple of 4 with zeros. Filters [group][row][K][3][3].
 * Arguments: 0 filters, 1 panels, 2 rows of a group, 3 K, 4 floats between groups of panels. A chunk: a group and four rows.
 */
export function packWinograd(args: usize, chunk: i32): void {
  const rows = load<i32>(args, 8), K = load<i32>(args, 12);
  const quads = (rows + 3) >> 2;
  const group = chunk / quads, quad = chunk % quads;
  const source = <usize>load<u32>(args) + <usize>(group * rows * K) * 36;
  const panels = <usize>load<u32>(args, 4) + (<usize>(group * load<i32>(args, 16)) << 2);
  for (let row = quad << 2; row < (quad + 1) << 2; row++) {
    const to = panels + (<usize>((row >> 1) * 16 * K) << 3) + (<usize>(row & 1) << 2);
    for (let k = 0; k < K; k++) {
      if (row >= rows) {
        for (let part = 0; part < 16; part++) store<f32>(to + (<usize>(part * K + k) << 3), 0);
        continue;
      }
      const g = source + <usize>(row * K + k) * 36;
      for (let r = 0; r < 4; r++) { // row r of G g, then that row times Gᵀ
        const t0 = tapSum(g, r), t1 = tapSum(g + 4, r), t2 = tapSum(g + 8, r);
        const at = to + (<usize>(r * 4 * K + k) << 3), step = <usize>K << 3;
        store<f32>(at, t0);
        store<f32>(at + step, 0.5 * (t0 + t1 + t2));
        store<f32>(at + 2 * step, 0.5 * (t0 - t1 + t2));
        store<f32>(at + 3 * step, t2);
      }
    }
  }
}

/** Element r of G g, where `g` is the head of a column of the 3 × 3 taps. */
// @ts-ignore: decorator
@inline
function tapSum(g: usize, r: i32): f32 {
  const g0 = load<f32>(g), g1 = load<f32>(g, 12), g2 = load<f32>(g, 24);
  return r == 0 ? g0 : r == 1 ? 0.5 * (g0 + g1 + g2) : r == 2 ? 0.5 * (g0 - g1 + g2) : g2;
}

/**
 * Arguments: 0 source, 1 panels, 2 out, 3 groups, 4 K (source channels of a group), 5 H, 6 W, 7 padTop, 8 padLeft, 9 rows of out of a group,
 * 10 outH, 11 outW, 12 tile rows of a band, 13 bands, 14 floats of a channel of V, 15 pitch and 16 floats of the padded plane, 17 images,
 * 18 images together. A chunk is some images, a group and a band. Scratch: the padded plane, V, O, two rows of outputs.
 */
export function winograd(args: usize, chunk: i32, scratch: usize): void {
  const groups = load<i32>(args, 12), K = load<i32>(args, 16), H = load<i32>(args, 20), W = load<i32>(args, 24);
  const padTop = load<i32>(args, 28), padLeft = load<i32>(args, 32), rowsOut = load<i32>(args, 36);
  const outH = load<i32>(args, 40), outW = load<i32>(args, 44), bandRows = load<i32>(args, 48), bands = load<i32>(args, 52);
  const channelFloats = load<i32>(args, 56), pitch = load<i32>(args, 60), planeFloats = load<i32>(args, 64);
  const band = chunk % bands, group = (chunk / bands) % groups, image = (chunk / bands / groups) * load<i32>(args, 72);
  const together = min(load<i32>(args, 72), load<i32>(args, 68) - image);
  const firstRow = band * bandRows;
  const tileRows = min(bandRows, ((outH + 1) >> 1) - firstRow), across = (outW + 1) >> 1, tiles = tileRows * across;

  const V = scratch + (<usize>planeFloats << 2);
  const channelBytes = <usize>channelFloats << 2, partBytes = <usize>K * channelBytes;
  for (let i = 0; i < together; i++) {
    let source = <usize>load<u32>(args) + (<usize>((image + i) * groups + group) * <usize>K * <usize>(H * W) << 2);
    const to = V + (<usize>(i * tiles) << 2);
    for (let k = 0; k < K; k++, source += <usize>(H * W) << 2) {
      fillPlane(scratch, planeFloats, source, H, W, firstRow << 1, (tileRows << 1) + 2, pitch, 1, 1, -padTop, -padLeft);
      transformInput(scratch, pitch, tileRows, across, to + <usize>k * channelBytes, partBytes);
    }
  }

  const O = V + 16 * partBytes, rowsOfOutput = O + 64 * channelBytes;
  const panels = <usize>load<u32>(args, 4) + (<usize>group * <usize>((rowsOut + 3) & ~3) * 16 * <usize>K << 2);
  const imageBytes = <usize>(groups * rowsOut) * <usize>(outH * outW) << 2;
  let out = <usize>load<u32>(args, 8) + <usize>image * imageBytes + (<usize>(group * rowsOut) * <usize>(outH * outW) << 2);
  for (let row = 0; row < rowsOut; row += 4) {
    const count = min(4, rowsOut - row);
    let pair = panels + (<usize>(row >> 1) * 16 * <usize>K << 3);
    const nextPair: usize = <usize>K << 7;
    let v = V, o = O;
    for (let part = 0; part < 16; part++, pair += <usize>K << 3, v += partBytes, o += channelBytes << 2) {
      multiplyTiles(pair, nextPair, v, channelBytes, K, o, tiles * together, count);
    }
    for (let m = 0; m < count; m++, out += <usize>(outH * outW) << 2) {
      for (let i = 0; i < together; i++) {
        const from = O + <usize>m * channelBytes + (<usize>(i * tiles) << 2);
        transformOutput(from, channelBytes << 2, out + <usize>i * imageBytes, firstRow << 1, outH, outW, tileRows, across, rowsOfOutput);
      }
    }
  }
}

/** V = Bᵀ d B of one channel: part (r, s) of four neighbouring tiles at a time. Rows shorter than four spill into the next, which comes after. */
export function transformInput(plane: usize, pitch: i32, tileRows: i32, across: i32, to: usize, partBytes: usize): void {
  const rowBytes = <usize>pitch << 2;
  for (let i = 0; i < tileRows; i++, plane += rowBytes << 1, to += <usize>across << 2) {
    for (let next = 0; next < across; next += 4) {
      const j = <usize>max(0, min(next, across - 4));
      let at = plane + (j << 3);
      let a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 8), d = v128.load(at, 24);
      let d0 = even(a, b), d1 = odd(a, b), d2 = even(c, d), d3 = odd(c, d);
      const a0 = f32x4.sub(d0, d2), a1 = f32x4.add(d1, d2), a2 = f32x4.sub(d2, d1), a3 = f32x4.sub(d1, d3);
      at += rowBytes;
      a = v128.load(at); b = v128.load(at, 16); c = v128.load(at, 8); d = v128.load(at, 24);
      d0 = even(a, b); d1 = odd(a, b); d2 = even(c, d); d3 = odd(c, d);
      const b0 = f32x4.sub(d0, d2), b1 = f32x4.add(d1, d2), b2 = f32x4.sub(d2, d1), b3 = f32x4.sub(d1, d3);
      at += rowBytes;
      a = v128.load(at); b = v128.load(at, 16); c = v128.load(at, 8); d = v128.load(at, 24);
      d0 = even(a, b); d1 = odd(a, b); d2 = even(c, d); d3 = odd(c, d);
      const c0 = f32x4.sub(d0, d2), c1 = f32x4.add(d1, d2), c2 = f32x4.sub(d2, d1), c3 = f32x4.sub(d1, d3);
      at += rowBytes;
      a = v128.load(at); b = v128.load(at, 16); c = v128.load(at, 8); d = v128.load(at, 24);
      d0 = even(a, b); d1 = odd(a, b); d2 = even(c, d); d3 = odd(c, d);
      let part = to + (j << 2);
      storePart(part, partBytes, a0, b0, c0, f32x4.sub(d0, d2));
      storePart((part += partBytes), partBytes, a1, b1, c1, f32x4.add(d1, d2));
      storePart((part += partBytes), partBytes, a2, b2, c2, f32x4.sub(d2, d1));
      storePart(part + partBytes, partBytes, a3, b3, c3, f32x4.sub(d1, d3));
    }
  }
}

// @ts-ignore: decorator
@inline
function even(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 2, 4, 6);
}

// @ts-ignore: decorator
@inline
function odd(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 1, 3, 5, 7);
}

// @ts-ignore: decorator
@inline
function storePart(to: usize, partBytes: usize, a: v128, b: v128, c: v128, d: v128): void {
  const step = partBytes << 2;
  v128.store(to, f32x4.sub(a, c));
  v128.store(to + step, f32x4.add(b, c));
  v128.store(to + 2 * step, f32x4.sub(c, b));
  v128.store(to + 3 * step, f32x4.sub(b, d));
}

/** Y = Aᵀ O A of one filter. Outputs of an odd last column, and rows shorter than a vector, go through two rows of their own. */
function transformOutput(
  o: usize, partBytes: usize, out: usize, firstRow: i32, outH: i32, outW: i32, tileRows: i32, across: i32, ownRows: usize,
): void {
  const isDirect = across << 1 == outW && across >= 4;
  const ownBytes = <usize>(across + 4) << 3;
  const step = partBytes << 2; // from row to row of the 4 × 4
  for (let i = 0; i < tileRows; i++, o += <usize>across << 2) {
    const y = firstRow + (i << 1);
    const hasSecond = y + 1 < outH;
    const first = out + (<usize>(y * outW) << 2);
    const to = isDirect ? first : ownRows;
    const below = isDirect ? (hasSecond ? first + (<usize>outW << 2) : ownRows) : ownRows + ownBytes;
    for (let next = 0; next < across; next += 4) {
      const j = <usize>max(0, min(next, across - 4));
      let at = o + (j << 2);
      let p1 = v128.load(at + step), p2 = v128.load(at + 2 * step);
      const s0 = f32x4.add(f32x4.add(v128.load(at), p1), p2), t0 = f32x4.sub(f32x4.sub(p1, p2), v128.load(at + 3 * step));
      at += partBytes;
      p1 = v128.load(at + step); p2 = v128.load(at + 2 * step);
      const s1 = f32x4.add(f32x4.add(v128.load(at), p1), p2), t1 = f32x4.sub(f32x4.sub(p1, p2), v128.load(at + 3 * step));
      at += partBytes;
      p1 = v128.load(at + step); p2 = v128.load(at + 2 * step);
      const s2 = f32x4.add(f32x4.add(v128.load(at), p1), p2), t2 = f32x4.sub(f32x4.sub(p1, p2), v128.load(at + 3 * step));
      at += partBytes;
      p1 = v128.load(at + step); p2 = v128.load(at + 2 * step);
      const s3 = f32x4.add(f32x4.add(v128.load(at), p1), p2), t3 = f32x4.sub(f32x4.sub(p1, p2), v128.load(at + 3 * step));
      storePair(to + (j << 3), f32x4.add(f32x4.add(s0, s1), s2), f32x4.sub(f32x4.sub(s1, s2), s3));
      storePair(below + (j << 3), f32x4.add(f32x4.add(t0, t1), t2), f32x4.sub(f32x4.sub(t1, t2), t3));
    }
    if (!isDirect) {
      copyRow(first, to, outW);
      if (hasSecond) copyRow(first + (<usize>outW << 2), below, outW);
    }
  }
}

// @ts-ignore: decorator
@inline
function storePair(to: usize, left: v128, right: v128): void {
  v128.store(to, v128.shuffle<f32>(left, right, 0, 4, 1, 5));
  v128.store(to, v128.shuffle<f32>(left, right, 2, 6, 3, 7), 16);
}

/** O rows [count][tiles] = pairs of rows · V [K][tiles]. */
function multiplyTiles(pair: usize, nextPair: usize, v: usize, channelBytes: usize, K: i32, o: usize, tiles: i32, count: i32): void {
  let q = 0;
  for (; q + 8 < tiles; q += 16) {
    const at = <usize>q << 2;
    stridedTile2x16(pair, v + at, channelBytes, o + at, channelBytes, K);
    if (count > 2) stridedTile2x16(pair + nextPair, v + at, channelBytes, o + (channelBytes << 1) + at, channelBytes, K);
  }
  if (q < tiles) stridedTile4x8(pair, nextPair, v + (<usize>q << 2), channelBytes, o + (<usize>q << 2), channelBytes, K);
}

function stridedTile2x16(a: usize, b: usize, stepBytes: usize, out: usize, rowBytes: usize, K: i32): void {
  let c00 = f32x4.splat(0), c01 = c00, c02 = c00, c03 = c00, c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  for (let k = 0; k < K; k++, a += 8, b += stepBytes) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let row = v128.load32_splat(a);
    c00 = madd(row, b0, c00); c01 = madd(row, b1, c01); c02 = madd(row, b2, c02); c03 = madd(row, b3, c03);
    row = v128.load32_splat(a, 4);
    c10 = madd(row, b0, c10); c11 = madd(row, b1, c11); c12 = madd(row, b2, c12); c13 = madd(row, b3, c13);
  }
  const second = out + rowBytes;
  v128.store(out, c00); v128.store(out, c01, 16); v128.store(out, c02, 32); v128.store(out, c03, 48);
  v128.store(second, c10); v128.store(second, c11, 16); v128.store(second, c12, 32); v128.store(second, c13, 48);
}

function stridedTile4x8(a: usize, pairBytes: usize, b: usize, stepBytes: usize, out: usize, rowBytes: usize, K: i32): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  let next = a + pairBytes;
  for (let k = 0; k < K; k++, a += 8, next += 8, b += stepBytes) {
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
  const out1 = out + rowBytes, out2 = out1 + rowBytes, out3 = out2 + rowBytes;
  v128.store(out, c00); v128.store(out, c01, 16); v128.store(out1, c10); v128.store(out1, c11, 16);
  v128.store(out2, c20); v128.store(out2, c21, 16); v128.store(out3, c30); v128.store(out3, c31, 16);
}
