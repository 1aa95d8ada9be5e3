// Whole numbers held in f32 to packed fields and back: field = (integer − offset) / step. Plain twin: src/ops/codes.ts.
//
//     16 floats → 16 bytes → k bits each        bytes b1 b0, k = 4: one byte b1b0; k = 2 the same once more; k = 1 a bit mask
//
// Widths of 1, 2, 4 and 8 bits go 16 values at a time; 3, 5, 6 and 7, and the last values of a tensor, one at a time through 64 bits.
// Floor: 4 + k/8 bytes moved a value. A chunk is 8192 values, a whole number of words for every k, so no two chunks write one word.

const CHUNK = 8192;

@inline
function isPowerOfTwo(bits: i32): bool {
  return (bits & (bits - 1)) == 0;
}

/** Fields of four floats, as i32. */
@inline
function fieldsOf(from: usize, offset: v128, perStep: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(v128.load(from), offset), perStep));
}

/** Neighbouring bytes of `bits` bits joined in the low byte of each pair, then without the gaps. */
@inline
function joinNeighbours(bytes: v128, bits: i32): v128 {
  const joined = v128.and(v128.or(bytes, i16x8.shr_u(bytes, 8 - bits)), i16x8.splat(0xff));
  return i8x16.narrow_i16x8_u(joined, joined);
}

/** Arguments: 0 from (f32), 1 to, 2 values, 3 bits, 4 offset, 5 1 / step (floats). */
export function packCodes(args: usize, chunk: i32): void {
  const bits = load<i32>(args, 12);
  const first = chunk * CHUNK, count = min(CHUNK, load<i32>(args, 8) - first);
  let from = <usize>load<u32>(args) + (<usize>first << 2);
  let to = <usize>load<u32>(args, 4) + <usize>(first >>> 3) * <usize>bits;
  const offset = load<f32>(args, 16), perStep = load<f32>(args, 20);
  const offsets = f32x4.splat(offset), perSteps = f32x4.splat(perStep);
  const mostField = (1 << bits) - 1; // what is no code goes to the nearest field, NaN to 0, as in the twin
  let i = 0;
  if (isPowerOfTwo(bits)) {
    for (; i + 16 <= count; i += 16, from += 64, to += 2 * <usize>bits) {
      const low = i16x8.narrow_i32x4_s(fieldsOf(from, offsets, perSteps), fieldsOf(from + 16, offsets, perSteps));
      const high = i16x8.narrow_i32x4_s(fieldsOf(from + 32, offsets, perSteps), fieldsOf(from + 48, offsets, perSteps));
      let bytes = i8x16.min_u(i8x16.narrow_i16x8_u(low, high), i8x16.splat(<i8>mostField));
      if (bits == 8) v128.store(to, bytes);
      else if (bits == 1) store<u16>(to, <u16>i8x16.bitmask(i8x16.ne(bytes, i8x16.splat(0))));
      else {
        if (bits == 2) bytes = joinNeighbours(bytes, 2);
        bytes = joinNeighbours(bytes, 4);
        if (bits == 2) store<u32>(to, i32x4.extract_lane(bytes, 0));
        else store<u64>(to, i64x2.extract_lane(bytes, 0));
      }
    }
  }
  let word: u64 = 0, filled = 0;
  for (; i < count; i++, from += 4) {
    const field = (load<f32>(from) - offset) * perStep;
    word |= (<u64><u32>(field > 0 ? min<f32>(field, <f32>mostField) : <f32>0)) << <u64>filled;
    for (filled += bits; filled >= 8; filled -= 8, word >>= 8, to++) store<u8>(to, <u8>word);
  }
  if (filled > 0) store<u8>(to++, <u8>word);
  while (to & 3) store<u8>(to++, 0); // rows are filled up to whole words; buffers start at one
}

/** The 16 fields at `from`, a byte each. */
@inline
function spread(from: usize, bits: i32): v128 {
  if (bits == 8) return v128.load(from);
  if (bits == 1) {
    const copies = i8x16.swizzle(i16x8.splat(load<i16>(from)), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
    const mask = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
    return v128.and(i8x16.eq(v128.and(copies, mask), mask), i8x16.splat(1));
  }
  let bytes = bits == 2 ? v128.load32_zero(from) : v128.load64_zero(from);
  if (bits == 2) {
    const pairs = i16x8.extend_low_i8x16_u(bytes);
    bytes = v128.or(v128.and(pairs, i16x8.splat(0x0f)), i16x8.shl(v128.and(pairs, i16x8.splat(0xf0)), 4));
    const fours = i16x8.extend_low_i8x16_u(bytes);
    return v128.or(v128.and(fours, i16x8.splat(0x03)), i16x8.shl(v128.and(fours, i16x8.splat(0x0c)), 6));
  }
  const pairs = i16x8.extend_low_i8x16_u(bytes);
  return v128.or(v128.and(pairs, i16x8.splat(0x0f)), i16x8.shl(v128.and(pairs, i16x8.splat(0xf0)), 4));
}

@inline
function storeIntegers(to: usize, fields: v128, step: v128, offset: v128): void {
  v128.store(to, f32x4.add(f32x4.mul(f32x4.convert_i32x4_u(fields), step), offset));
}

/** Arguments: 0 from, 1 to (f32), 2 values, 3 bits, 4 offset, 5 step (floats). */
export function unpackCodes(args: usize, chunk: i32): void {
  const bits = load<i32>(args, 12);
  const first = chunk * CHUNK, count = min(CHUNK, load<i32>(args, 8) - first);
  let from = <usize>load<u32>(args) + <usize>(first >>> 3) * <usize>bits;
  let to = <usize>load<u32>(args, 4) + (<usize>first << 2);
  const offset = load<f32>(args, 16), step = load<f32>(args, 20);
  const offsets = f32x4.splat(offset), steps = f32x4.splat(step);
  let i = 0;
  if (isPowerOfTwo(bits)) {
    for (; i + 16 <= count; i += 16, from += 2 * <usize>bits, to += 64) {
      const bytes = spread(from, bits);
      const low = i16x8.extend_low_i8x16_u(bytes), high = i16x8.extend_high_i8x16_u(bytes);
      storeIntegers(to, i32x4.extend_low_i16x8_u(low), steps, offsets);
      storeIntegers(to + 16, i32x4.extend_high_i16x8_u(low), steps, offsets);
      storeIntegers(to + 32, i32x4.extend_low_i16x8_u(high), steps, offsets);
      storeIntegers(to + 48, i32x4.extend_high_i16x8_u(high), steps, offsets);
    }
  }
  const mask = (<u64>1 << <u64>bits) - 1;
  let word: u64 = 0, filled = 0;
  for (; i < count; i++, to += 4) {
    for (; filled < bits; filled += 8, from++) word |= (<u64>load<u8>(from)) << <u64>filled;
    store<f32>(to, <f32>(word & mask) * step + offset);
    word >>= <u64>bits;
    filled -= bits;
  }
}
