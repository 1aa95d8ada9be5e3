import { BYTES, gatherCodes, LANES, NIBBLES, SHORTS, TABLES } from "./code-planes";
import { copyTile } from "./conv2d-f32";
import { multiplyLanes } from "./lane-tile";
import { nibbleTile4x32 } from "./nibble-tile";
import { shortTile4x16 } from "./short-tile";
import { addTables, copySums } from "./sum-tables";
import { multiplyRows, ROWS_TOGETHER } from "./tiles";

// Convolution of integer codes, exact. As in conv2d-f32.ts, filters meet shifted runs of padded planes (planes.ts); what a plane
// holds for one pixel differs. Plain twin: conv2dCodes in src/ops/codes.ts. Padding is the number 0.
//
//     pairs     two channels as int16 in 32 bits          8 multiply-adds in a dot product and an add     tiles.ts
//     lanes     the same, two rows of filters in a lane   16                                              lane-tile.ts
//     tables    2 to 6 channels in 6 bits of a byte       32 to 96 in a load and an add           sum-tables.ts
//     nibbles   2 or 4 channels in 4 bits of a byte       32 or 64 in a swizzle and an add                nibble-tile.ts
//     shorts    two channels as bytes, relaxed only       16 in a relaxed dot product and an add          short-tile.ts
//     bytes     four channels in 32 bits, relaxed only    16 in one relaxed dot product                   tiles.ts
//
// Measured on a busy processor without VNNI, one thread, as a ratio to fp32 of the same shape, build and run (product of 1024³ as a 1 × 1
// convolution; 3 × 3 of ResNet-18):
//
//                      w1a1             w2a2             w4a4            ternary × 8 bits    w8a8
//     portable     7.4   7.0        3.8   3.5        3.1   3.2–3.5       3.6   3.9–4.3       1.9   2.1–2.3
//     relaxed      9.4–10   8.4     4.7   4.1        2.9   2.75          2.8   2.7           1.5   1.5
//
// Those of w1a1 and w2a2 are products looked up. With tables ResNet-18 whole, batch 1, portable, on a busy Zen 3, runs 1.2 times as fast at
// w1a1 and 1.4 times at w2a2.
//
// w8a8 is bound by two instructions for 8 multiply-adds, where fused ones need one for 4: only bytes, which want VNNI, could gain more.

const K_PIECE: i32 = 512;

/**
 * Arguments 0 to 29 as in conv2d-f32.ts (one output phase; floats are elements of a plane), then 30 kind, 31 offset and 32 step of x,
 * 33 channels of a group, 34 channels of an element, 35 bits of a code, 36 steps between flushes (tables, nibbles, lanes, shorts), 37 bits of the low field and
 * 38 longest piece of K (lanes), 39 place of the table (nibbles, tables), 40 bytes of the panels of a group, 41 rows of a chunk, 42 chunks
 * that share a band.
 */
export function correlateCodes(args: usize, chunk: i32, scratch: usize): void {
  const groups = load<i32>(args, 12), H = load<i32>(args, 20), W = load<i32>(args, 24);
  const pitch = load<i32>(args, 44);
  const rowsOut = load<i32>(args, 52), outH = load<i32>(args, 56), outW = load<i32>(args, 60);
  const K = load<i32>(args, 72), bandRows = load<i32>(args, 76), bands = load<i32>(args, 80);
  const kind = load<i32>(args, 120), offset = load<i32>(args, 124), channels = load<i32>(args, 132), flush = load<i32>(args, 144);
  const shares = load<i32>(args, 168), share = chunk % shares;
  chunk /= shares;
  const band = chunk % bands, group = (chunk / bands) % groups, image = chunk / bands / groups;
  const firstRow = band * bandRows;
  const source = <usize>load<u32>(args) + <usize>(image * groups + group) * <usize>channels * <usize>(H * W);
  gatherCodes(args, scratch, source, firstRow, bandRows + load<i32>(args, 84));

  const tile = scratch + <usize>load<u32>(args, 108);
  const tileBytes = <usize>load<u32>(args, 112) << 2;
  const shifts = args + (<usize>load<u32>(args, 104) << 2);
  const panels = <usize>load<u32>(args, 4) + <usize>group * <usize>load<u32>(args, 160);
  const constants = panels + (<usize>((rowsOut + 3) & ~3) * <usize>K << 2);
  const out = <usize>load<u32>(args, 8) + (<usize>(image * groups + group) * <usize>rowsOut * <usize>(outH * outW) << 2);
  const rows = min(bandRows, outH - firstRow);
  const pixels = (rows - 1) * pitch + outW;
  const to = out + (<usize>(firstRow * outW) << 2);
  const firstFilter = share * load<i32>(args, 164), endFilter = min(firstFilter + load<i32>(args, 164), rowsOut);
  if (kind == TABLES) {
    const table = args + (<usize>load<u32>(args, 156) << 2);
    const sumBytes = <usize>sumPitch(pixels) << 1;
    const filters = (endFilter - firstFilter + 3) & ~3;
    addTables(panels, (rowsOut + 3) & ~3, firstFilter, filters, shifts, K, flush, table, scratch, pixels, tile, sumBytes, tile + <usize>filters * sumBytes);
    for (let row = firstFilter, from = tile; row < endFilter; row++, from += sumBytes) {
      copySums(to + (<usize>row * <usize>(outH * outW) << 2), <usize>outW << 2, from, <usize>pitch << 1, rows, outW);
    }
    return;
  }
  const together = kind == NIBBLES || kind == LANES || kind == SHORTS ? 4 : ROWS_TOGETHER;
  for (let row = firstFilter; row < endFilter; row += together) {
    const count = min(together, endFilter - row);
    if (kind == NIBBLES) {
      const table = args + (<usize>load<u32>(args, 156) << 2);
      const quad = panels + (<usize>row * <usize>K << 1);
      const sums = tile + (tileBytes << 2);
      for (let q = 0; q < pixels; q += 32) nibbleTile4x32(quad, shifts, K, flush, table, scratch + <usize>q, sums, tile + (<usize>q << 2), tileBytes);
    } else if (kind == LANES) {
      const quad = panels + (<usize>row * <usize>K << 1);
      const lowBits = load<i32>(args, 148), piece = load<i32>(args, 152);
      for (let k = 0; k < K; k += piece) {
        multiplyLanes(quad + (<usize>k << 3), shifts + (<usize>k << 2), min(piece, K - k), flush, lowBits, scratch, tile, tileBytes, pixels, k > 0);
      }
    } else {
      const pair = panels + (<usize>row * <usize>K << 2);
      for (let k = 0; k < K; k += K_PIECE) {
        const at = pair + (<usize>k << 3), piece = min(K_PIECE, K - k), shift = shifts + (<usize>k << 2);
        if (ASC_FEATURE_RELAXED_SIMD) {
          if (kind == SHORTS) {
            for (let q = 0; q < pixels; q += 16) shortTile4x16(pair, shifts, K, flush, scratch + (<usize>q << 1), tile + (<usize>q << 2), tileBytes);
            break;
          }
          if (kind == BYTES) {
            multiplyRows<i8>(at, <usize>K << 3, shift, piece, scratch, tile, tileBytes, pixels, count, k > 0);
            continue;
          }
        }
        multiplyRows<i16>(at, <usize>K << 3, shift, piece, scratch, tile, tileBytes, pixels, count, k > 0);
      }
    }
    for (let m = 0; m < count; m++) {
      const from = tile + <usize>m * tileBytes;
      if ((kind == BYTES || kind == SHORTS) && offset != 0) addConstant(from, pixels, load<i32>(constants + (<usize>(row + m) << 2)));
      copyTile(to + (<usize>(row + m) * <usize>(outH * outW) << 2), <usize>outW << 2, 1, from, <usize>pitch << 2, rows, outW);
    }
  }
}

/** Sums of 16 bits in a row: an odd number of cache lines, so that rows spread over all sets of the cache. */
// @ts-ignore: decorator
@inline
function sumPitch(pixels: i32): i32 {
  return (((pixels + 31) >> 5) | 1) << 5;
}

function addConstant(to: usize, count: i32, constant: i32): void {
  for (let i = 0; i < count; i += 4, to += 16) v128.store(to, i32x4.add(v128.load(to), i32x4.splat(constant)));
}
