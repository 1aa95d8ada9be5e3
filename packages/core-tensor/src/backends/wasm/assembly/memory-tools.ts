/** Whether any of `count` floats is NaN or infinite: its exponent is all ones. */
export function hasNonFinite(pointer: usize, count: i32): bool {
  const exponent = i32x4.splat(0x7f800000);
  const whole = count & ~3;
  let i = 0;
  while (i < whole) { // one look at the flags for each 4 kB
    let found = i32x4.splat(0);
    for (const end = min(i + 1024, whole); i < end; i += 4) {
      found = v128.or(found, i32x4.eq(v128.and(v128.load(pointer + (<usize>i << 2)), exponent), exponent));
    }
    if (v128.any_true(found)) return true;
  }
  for (; i < count; i++) {
    if ((load<u32>(pointer + (<usize>i << 2)) & 0x7f800000) == 0x7f800000) return true;
  }
  return false;
}

export function copyBytes(to: usize, from: usize, bytes: usize): void {
  memory.copy(to, from, bytes);
}

/**
 * Whether `madd` rounds as this build says, in lanes that tell: (1 + 2⁻¹²)² − (1 + 2⁻¹¹) is 2⁻²⁴ when rounded once and 0 when rounded twice.
 * Returns 1 for fused, 0 for unfused, −1 for anything else.
 */
export function probeMultiplyAdd(x: f32, y: f32): i32 {
  const a = f32x4.splat(x), c = f32x4.splat(y);
  const value = ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, a, c) : f32x4.add(f32x4.mul(a, a), c);
  const first = f32x4.extract_lane(value, 0);
  if (first != f32x4.extract_lane(value, 1) || first != f32x4.extract_lane(value, 2) || first != f32x4.extract_lane(value, 3)) return -1;
  return first == 5.9604644775390625e-8 ? 1 : first == 0 ? 0 : -1;
}

/** Lane 0 of a relaxed dot product of bytes: a signed, b of 7 bits, or of 8 where the engine takes it as unsigned. 0 in portable builds. */
export function probeByteDot(a: i32, b: i32): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.extract_lane(i32x4.relaxed_dot_i8x16_i7x16_add_s(i32x4.splat(a), i32x4.splat(b), i32x4.splat(0)), 0);
  return 0;
}

/** The same of two bytes, in 16 bits. */
export function probeShortDot(a: i32, b: i32): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.extract_lane_s(i16x8.relaxed_dot_i8x16_i7x16_s(i32x4.splat(a), i32x4.splat(b)), 0);
  return 0;
}

/** Lane 0 of a swizzle of the table 1, 2, … 16. */
export function probeSwizzle(index: i32): i32 {
  const table = i8x16(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), indices = i8x16.splat(<i8>index);
  return i8x16.extract_lane_u(ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(table, indices) : i8x16.swizzle(table, indices), 0);
}
