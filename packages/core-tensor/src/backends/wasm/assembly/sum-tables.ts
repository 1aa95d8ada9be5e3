// Sums of products of low-bit codes, from tables that are made for the pixels at hand. A few channels of a pixel can meet only a few
// combinations of weights: what each of them adds to the sum is computed once for 32 pixels, and then every row of filters adds up entries.
// That is the method of four Russians with codes for bits. Plain twin: conv2dCodes in src/ops/codes.ts.
//
//     pixel         0 a3 a2 a1 a0          codes of up to 6 channels in a byte; 0x80 is padding, and adds 0
//     halves        A[w0, w1]  B[w2, w3]   constant rows of 16 bytes: products of these weights with every code of half the channels
//     entry         A[w0, w1] swizzled with a0 a1, plus B[w2, w3] with a2 a3, for 32 pixels
//     filters       for each k the place of its entry: a load and an add for 16 pixels, 32 to 96 multiply-adds
//
// Steps are taken in blocks whose sums fit 8 bits, then widened to 16 in memory: [row][pixel]. Making an entry costs a load, an add and a
// store, so this pays from a few dozen rows on; below, nibble-tile.ts looks up products directly. Floor: a load and an add per 16 bytes.

// @ts-ignore: decorator
@inline
function lookUp(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices);
  return i8x16.swizzle(table, indices);
}

const PADDING: i32 = 0x80;
const ROW_BYTES: usize = 16;
const ENTRY_BYTES: usize = 32;

/**
 * The entries of one step for 32 pixels, [b][a][32 pixels]. `rows` holds lowCount rows of A, then highCount of B; bits below `shift` are A's.
 * `halves` has room for highCount entries.
 */
function makeEntries(to: usize, pixels: usize, rows: usize, lowCount: i32, highCount: i32, shift: i32, halves: usize): void {
  const first = v128.load(pixels), second = v128.load(pixels, 16);
  const padding = i8x16.splat(<i8>PADDING);
  const lowMask = i8x16.splat(<i8>(PADDING | ((1 << shift) - 1))), highMask = i8x16.splat(<i8>(PADDING - 1 >> shift));
  const low0 = v128.and(first, lowMask), low1 = v128.and(second, lowMask);
  const high0 = v128.or(v128.and(i16x8.shr_u(first, shift), highMask), v128.and(first, padding));
  const high1 = v128.or(v128.and(i16x8.shr_u(second, shift), highMask), v128.and(second, padding));
  const halvesEnd = halves + <usize>highCount * ENTRY_BYTES;
  for (let at = halves, row = rows + <usize>lowCount * ROW_BYTES; at != halvesEnd; at += ENTRY_BYTES, row += ROW_BYTES) {
    const products = v128.load(row);
    v128.store(at, lookUp(products, high0));
    v128.store(at, lookUp(products, high1), 16);
  }
  const stride = <usize>lowCount * ENTRY_BYTES;
  let a = 0;
  for (; a + 2 <= lowCount; a += 2, rows += ROW_BYTES << 1, to += ENTRY_BYTES << 1) {
    let products = v128.load(rows);
    const sum00 = lookUp(products, low0), sum01 = lookUp(products, low1);
    products = v128.load(rows, 16);
    const sum10 = lookUp(products, low0), sum11 = lookUp(products, low1);
    for (let at = halves, entry = to; at != halvesEnd; at += ENTRY_BYTES, entry += stride) {
      const half0 = v128.load(at), half1 = v128.load(at, 16);
      v128.store(entry, i8x16.add(half0, sum00)); v128.store(entry, i8x16.add(half1, sum01), 16);
      v128.store(entry, i8x16.add(half0, sum10), 32); v128.store(entry, i8x16.add(half1, sum11), 48);
    }
  }
  if (a < lowCount) {
    const products = v128.load(rows);
    const sum0 = lookUp(products, low0), sum1 = lookUp(products, low1);
    for (let at = halves, entry = to; at != halvesEnd; at += ENTRY_BYTES, entry += stride) {
      v128.store(entry, i8x16.add(v128.load(at), sum0)); v128.store(entry, i8x16.add(v128.load(at, 16), sum1), 16);
    }
  }
}

/** Four rows of filters times 32 pixels: [k][4 rows] places of entries; sums of 16 bits, `rowBytes` from row to row, begun or added to. */
function addEntries4x32(a: usize, steps: i32, entries: usize, sums: usize, rowBytes: usize, isFirst: bool): void {
  let c00 = i8x16.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  for (const end = a + (<usize>steps << 3); a != end; a += 8) {
    let entry = entries + <usize>load<u16>(a);
    c00 = i8x16.add(c00, v128.load(entry)); c01 = i8x16.add(c01, v128.load(entry, 16));
    entry = entries + <usize>load<u16>(a, 2);
    c10 = i8x16.add(c10, v128.load(entry)); c11 = i8x16.add(c11, v128.load(entry, 16));
    entry = entries + <usize>load<u16>(a, 4);
    c20 = i8x16.add(c20, v128.load(entry)); c21 = i8x16.add(c21, v128.load(entry, 16));
    entry = entries + <usize>load<u16>(a, 6);
    c30 = i8x16.add(c30, v128.load(entry)); c31 = i8x16.add(c31, v128.load(entry, 16));
  }
  if (isFirst) {
    begin(sums, c00, c01); sums += rowBytes;
    begin(sums, c10, c11); sums += rowBytes;
    begin(sums, c20, c21); sums += rowBytes;
    begin(sums, c30, c31);
  } else {
    widen(sums, c00, c01); sums += rowBytes;
    widen(sums, c10, c11); sums += rowBytes;
    widen(sums, c20, c21); sums += rowBytes;
    widen(sums, c30, c31);
  }
}

// @ts-ignore: decorator
@inline
function begin(to: usize, low: v128, high: v128): void {
  v128.store(to, i16x8.extend_low_i8x16_s(low));
  v128.store(to, i16x8.extend_high_i8x16_s(low), 16);
  v128.store(to, i16x8.extend_low_i8x16_s(high), 32);
  v128.store(to, i16x8.extend_high_i8x16_s(high), 48);
}

// @ts-ignore: decorator
@inline
function widen(to: usize, low: v128, high: v128): void {
  v128.store(to, i16x8.add(v128.load(to), i16x8.extend_low_i8x16_s(low)));
  v128.store(to, i16x8.add(v128.load(to, 16), i16x8.extend_high_i8x16_s(low)), 16);
  v128.store(to, i16x8.add(v128.load(to, 32), i16x8.extend_low_i8x16_s(high)), 32);
  v128.store(to, i16x8.add(v128.load(to, 48), i16x8.extend_high_i8x16_s(high)), 48);
}

/**
 * `rows` rows of filters from `firstRow` on (multiples of 4) times all pixels, into sums [row][pixel] of 16 bits. `panels` are
 * [block of steps][four of allRows][k][4]. `tables`: rows of A, rows of B, bits of A in a pixel, steps whose elements have all their
 * channels, rows of A and B for those, then for the others. `scratch`: room for highCount entries, and for those of `block` steps.
 */
export function addTables(
  panels: usize, allRows: i32, firstRow: i32, rows: i32, shifts: usize, K: i32, block: i32, tables: usize, planes: usize, pixels: i32,
  sums: usize, sumBytes: usize, scratch: usize,
): void {
  const lowCount = load<i32>(tables), highCount = load<i32>(tables, 4), shift = load<i32>(tables, 8), fullSteps = load<i32>(tables, 12);
  const full = tables + 16, partial = full + <usize>(lowCount + highCount) * ROW_BYTES;
  const halves = scratch, entries = scratch + <usize>highCount * ENTRY_BYTES;
  const stepBytes = <usize>(lowCount * highCount) * ENTRY_BYTES;
  for (let q = 0; q < pixels; q += 32, planes += 32, sums += 64) {
    for (let k = 0; k < K; k += block) {
      const steps = min(block, K - k);
      for (let i = 0; i < steps; i++) {
        const from = planes + <usize>load<u32>(shifts + (<usize>(k + i) << 2));
        makeEntries(entries + <usize>i * stepBytes, from, k + i < fullSteps ? full : partial, lowCount, highCount, shift, halves);
      }
      let quad = panels + (<usize>k * <usize>allRows + <usize>firstRow * <usize>steps << 1);
      let to = sums;
      for (let row = 0; row < rows; row += 4, quad += <usize>steps << 3, to += sumBytes << 2) {
        addEntries4x32(quad, steps, entries, to, sumBytes, k == 0);
      }
    }
  }
}

/** Sums of 16 bits to 32, without the garbage between rows of a plane. */
export function copySums(to: usize, toRowBytes: usize, from: usize, fromRowBytes: usize, rows: i32, columns: i32): void {
  for (let y = 0; y < rows; y++, to += toRowBytes, from += fromRowBytes) {
    let x = 0;
    for (; x + 8 <= columns; x += 8) {
      const eight = v128.load(from + (<usize>x << 1)), at = to + (<usize>x << 2);
      v128.store(at, i32x4.extend_low_i16x8_s(eight));
      v128.store(at, i32x4.extend_high_i16x8_s(eight), 16);
    }
    if (x + 4 <= columns) {
      v128.store(to + (<usize>x << 2), i32x4.extend_low_i16x8_s(v128.load64_zero(from + (<usize>x << 1))));
      x += 4;
    }
    for (; x < columns; x++) store<i32>(to + (<usize>x << 2), <i32>load<i16>(from + (<usize>x << 1)));
  }
}
