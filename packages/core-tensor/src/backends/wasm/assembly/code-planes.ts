// Planes of codes: padded copies of image planes as in planes.ts, with the codes of a few channels of a pixel in one element.

/** What an element of a plane holds; PAIRS and LANES share theirs. */
export const PAIRS: i32 = 0;
export const NIBBLES: i32 = 1;
export const LANES: i32 = 2;
export const BYTES: i32 = 3;
export const SHORTS: i32 = 4;
export const TABLES: i32 = 5;

/** What stands for the number 0 outside the image: a byte beyond every table, the field above the offset, or 0. */
function paddingByte(kind: i32, offset: i32): u8 {
  return kind == NIBBLES || kind == TABLES ? 0x80 : kind == BYTES || kind == SHORTS ? <u8>-offset : 0;
}

/** All source phases of all channels; arguments as correlateCodes has them. */
export function gatherCodes(args: usize, planes: usize, source: usize, firstRow: i32, rows: i32): void {
  const H = load<i32>(args, 20), W = load<i32>(args, 24), stepH = load<i32>(args, 28), stepW = load<i32>(args, 32);
  const padTop = load<i32>(args, 36), padLeft = load<i32>(args, 40), pitch = load<i32>(args, 44), planeElements = load<i32>(args, 48);
  const phases = load<i32>(args, 88), table = args + (<usize>load<u32>(args, 92) << 2);
  const kind = load<i32>(args, 120), offset = load<i32>(args, 124), step = load<i32>(args, 128);
  const channels = load<i32>(args, 132), together = load<i32>(args, 136), bits = load<i32>(args, 140);
  const elementShift: usize = kind == NIBBLES || kind == TABLES ? 0 : kind == SHORTS ? 1 : 2;
  const planeBytes = <usize>planeElements << elementShift, channelBytes = <usize>(H * W);
  for (let channel = 0; channel < channels; channel += together, source += <usize>together * channelBytes) {
    const count = min(together, channels - channel);
    for (let phase = 0; phase < phases; phase++, planes += planeBytes) {
      const shiftH = load<i32>(table + (<usize>phase << 3)) - padTop, shiftW = load<i32>(table + (<usize>phase << 3), 4) - padLeft;
      const firstColumn = shiftW >= 0 ? 0 : min(pitch, (stepW - 1 - shiftW) / stepW);
      const endColumn = W - shiftW <= 0 ? firstColumn : max(firstColumn, min(pitch, (W - shiftW + stepW - 1) / stepW));
      memory.fill(planes, paddingByte(kind, offset), planeBytes);
      for (let i = 0; i < rows; i++) {
        const y = (firstRow + i) * stepH + shiftH;
        if (y < 0 || y >= H) continue;
        const from = source + <usize>(y * W + firstColumn * stepW + shiftW);
        const to = planes + (<usize>(i * pitch + firstColumn) << elementShift);
        if (kind == NIBBLES || kind == TABLES) fillFields(to, from, channelBytes, endColumn - firstColumn, stepW, count, bits);
        else if (kind == BYTES) fillBytes(to, from, channelBytes, endColumn - firstColumn, stepW, count, step);
        else if (kind == SHORTS) fillShorts(to, from, count > 1 ? from + channelBytes : from, endColumn - firstColumn, stepW, step);
        else fillPairs(to, from, count > 1 ? from + channelBytes : 0, endColumn - firstColumn, stepW, offset, step);
      }
    }
  }
}

/** One row: pixel by pixel the numbers of two channels. */
function fillPairs(to: usize, first: usize, second: usize, columns: i32, stride: i32, offset: i32, step: i32): void {
  let j = 0;
  if (stride == 1) {
    const offsets = i16x8.splat(<i16>offset), steps = i16x8.splat(<i16>step);
    for (; j + 8 <= columns; j += 8, to += 32) {
      const a = i16x8.add(i16x8.mul(v128.load8x8_u(first + <usize>j), steps), offsets);
      const b = second ? i16x8.add(i16x8.mul(v128.load8x8_u(second + <usize>j), steps), offsets) : i16x8.splat(0);
      v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
      v128.store(to, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    }
    if (j + 4 <= columns) {
      const a = i16x8.add(i16x8.mul(i16x8.extend_low_i8x16_u(v128.load32_zero(first + <usize>j)), steps), offsets);
      const b = second ? i16x8.add(i16x8.mul(i16x8.extend_low_i8x16_u(v128.load32_zero(second + <usize>j)), steps), offsets) : i16x8.splat(0);
      v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
      j += 4;
      to += 16;
    }
  }
  for (; j < columns; j++, to += 4) {
    const at = <usize>(j * stride);
    store<i16>(to, <i16>(offset + step * <i32>load<u8>(first + at)));
    if (second) store<i16>(to, <i16>(offset + step * <i32>load<u8>(second + at)), 2);
  }
}

/** One row: the fields of a few channels of a pixel in one byte. Channels that are not there keep field 0, which no weight meets. */
function fillFields(to: usize, from: usize, planeBytes: usize, columns: i32, stride: i32, count: i32, bits: i32): void {
  let j = 0;
  if (stride == 1) {
    for (; j + 16 <= columns; j += 16) {
      let fields = v128.load(from + <usize>j);
      for (let i = 1; i < count; i++) fields = v128.or(fields, i16x8.shl(v128.load(from + <usize>i * planeBytes + <usize>j), i * bits));
      v128.store(to + <usize>j, fields);
    }
    if (j + 8 <= columns) {
      let fields = v128.load64_zero(from + <usize>j);
      for (let i = 1; i < count; i++) fields = v128.or(fields, i16x8.shl(v128.load64_zero(from + <usize>i * planeBytes + <usize>j), i * bits));
      v128.store64_lane(to + <usize>j, fields, 0);
      j += 8;
    }
    if (j + 4 <= columns) {
      let fields = load<u32>(from + <usize>j);
      for (let i = 1; i < count; i++) fields |= load<u32>(from + <usize>i * planeBytes + <usize>j) << (i * bits);
      store<u32>(to + <usize>j, fields);
      j += 4;
    }
  }
  for (; j < columns; j++) {
    let field = 0;
    for (let i = 0; i < count; i++) field |= <i32>load<u8>(from + <usize>i * planeBytes + <usize>(j * stride)) << (i * bits);
    store<u8>(to + <usize>j, <u8>field);
  }
}

/** One row: the fields of four channels of a pixel, times the step. Channels that are not there may hold anything: their weights are 0. */
function fillBytes(to: usize, from: usize, planeBytes: usize, columns: i32, stride: i32, count: i32, step: i32): void {
  const second = count > 1 ? from + planeBytes : from, third = count > 2 ? second + planeBytes : from;
  const fourth = count > 3 ? third + planeBytes : from;
  let j = 0;
  if (stride == 1) {
    for (; j + 8 <= columns; j += 8, to += 32) {
      const at = <usize>j;
      const a = v128.load64_zero(from + at), b = v128.load64_zero(second + at), c = v128.load64_zero(third + at), d = v128.load64_zero(fourth + at);
      let ab = v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      let cd = v128.shuffle<i8>(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      if (step == 2) {
        ab = i8x16.add(ab, ab);
        cd = i8x16.add(cd, cd);
      }
      v128.store(to, v128.shuffle<i16>(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11));
      v128.store(to, v128.shuffle<i16>(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    }
  }
  for (; j < columns; j++, to += 4) {
    const at = <usize>(j * stride);
    store<u8>(to, <u8>(step * <i32>load<u8>(from + at)));
    store<u8>(to, <u8>(step * <i32>load<u8>(second + at)), 1);
    store<u8>(to, <u8>(step * <i32>load<u8>(third + at)), 2);
    store<u8>(to, <u8>(step * <i32>load<u8>(fourth + at)), 3);
  }
}

/** One row: the fields of two channels of a pixel, times the step. */
function fillShorts(to: usize, first: usize, second: usize, columns: i32, stride: i32, step: i32): void {
  let j = 0;
  if (stride == 1) {
    for (; j + 8 <= columns; j += 8, to += 16) {
      const a = v128.load64_zero(first + <usize>j), b = v128.load64_zero(second + <usize>j);
      const fields = v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      v128.store(to, step == 2 ? i8x16.add(fields, fields) : fields);
    }
  }
  for (; j < columns; j++, to += 2) {
    const at = <usize>(j * stride);
    store<u8>(to, <u8>(step * <i32>load<u8>(first + at)));
    store<u8>(to, <u8>(step * <i32>load<u8>(second + at)), 1);
  }
}
