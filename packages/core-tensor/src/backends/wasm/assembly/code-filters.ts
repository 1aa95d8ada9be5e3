// Packed filters in the forms that the tiles of codes read. All packers have the same arguments: 0 filters, 1 panels, 2 rows of a
// group, 3 K, 4 codes between rows, 5 codes between groups, 6 bytes between groups of panels, 7 bits, 8 offset and 9 step of a code,
// 10 pairs: bits of the low field (0: one row in a lane), bytes: what the sums of rows are multiplied by, 11 nibbles: numbers that a weight
// may be, "not there" included; entries: without it, 12 channels of an element, 13 place of the table: for each k a place for each of these channels, −1 where
// there is none, 14 entries: steps of a block. A chunk is a group.

/** The field at `index` of packed codes. */
// @ts-ignore: decorator
@inline
export function field(packed: usize, index: i32, bits: i32): i32 {
  const bit = <u64>index * <u64>bits;
  const at = packed + <usize>(bit >> 3);
  return (load<u16>(at) >> (<i32>bit & 7)) & ((1 << bits) - 1);
}

/** The number that a weight stands for, 0 where there is none. */
function numberAt(args: usize, group: i32, row: i32, place: i32): i32 {
  if (place < 0 || row >= load<i32>(args, 8)) return 0;
  const index = group * load<i32>(args, 20) + row * load<i32>(args, 16) + place;
  return load<i32>(args, 32) + load<i32>(args, 36) * field(load<u32>(args), index, load<i32>(args, 28));
}

/**
 * Panels [group][row pair][k][2 rows][2 channels] of int16, rows filled up to a multiple of 4 with zeros; with two rows in a lane
 * (w0 + w1 · 2^bits) [group][four rows][k][2 lanes][2 channels].
 */
export function packFilterPairs(args: usize, group: i32): void {
  const rows = load<i32>(args, 8), K = load<i32>(args, 12), lowBits = load<i32>(args, 40);
  const table = args + (<usize>load<u32>(args, 52) << 2);
  const perLane = lowBits ? 2 : 1;
  let to = <usize>load<u32>(args, 4) + <usize>group * <usize>load<u32>(args, 24);
  for (let row = 0; row < ((rows + 3) & ~3); row += 2 * perLane) {
    for (let k = 0; k < K; k++) {
      for (let i = 0; i < 2; i++) {
        for (let channel: usize = 0; channel < 2; channel++, to += 2) {
          const place = load<i32>(table + (<usize>k << 3) + (channel << 2)), first = row + i * perLane;
          let lane = numberAt(args, group, first, place);
          if (lowBits) lane += numberAt(args, group, first + 1, place) << lowBits;
          store<i16>(to, <i16>lane);
        }
      }
    }
  }
}

/** Panels [group][row pair][k][2 rows][4 channels] of int8, or [group][four rows][k][4 rows][2 channels, twice]; rows filled up to a multiple of 4, then a sum for each row as int32. */
export function packFilterBytes(args: usize, group: i32): void {
  const rows = (load<i32>(args, 8) + 3) & ~3, K = load<i32>(args, 12), factor = load<i32>(args, 40), channels = load<i32>(args, 48);
  const table = args + (<usize>load<u32>(args, 52) << 2);
  const together = channels == 2 ? 4 : 2;
  let to = <usize>load<u32>(args, 4) + <usize>group * <usize>load<u32>(args, 24);
  const sums = to + (<usize>rows * <usize>K << 2);
  memory.fill(sums, 0, <usize>rows << 2);
  for (let row = 0; row < rows; row += together) {
    for (let k = 0; k < K; k++) {
      for (let i = 0; i < together; i++) {
        const sum = sums + (<usize>(row + i) << 2);
        for (let channel = 0; channel < 4; channel++, to++) {
          const weight = numberAt(args, group, row + i, load<i32>(table + (<usize>(k * channels + channel % channels) << 2)));
          store<i8>(to, <i8>weight);
          if (channel < channels) store<i32>(sum, load<i32>(sum) + factor * weight);
        }
      }
    }
  }
}

/** Places in the table of nibbles, in bytes: panels [group][four rows][k][4] of uint16. */
export function packFilterNibbles(args: usize, group: i32): void {
  const filters = <usize>load<u32>(args);
  const rows = load<i32>(args, 8), K = load<i32>(args, 12), rowCodes = load<i32>(args, 16);
  const bits = load<i32>(args, 28), base = load<i32>(args, 44), channels = load<i32>(args, 48);
  const table = args + (<usize>load<u32>(args, 52) << 2);
  let to = <usize>load<u32>(args, 4) + <usize>group * <usize>load<u32>(args, 24);
  for (let row = 0; row < rows; row += 4) {
    const first = group * load<i32>(args, 20) + row * rowCodes;
    for (let k = 0; k < K; k++) {
      for (let i = 0; i < 4; i++, to += 2) {
        let index = 0;
        for (let channel = channels - 1; channel >= 0; channel--) {
          const place = load<i32>(table + (<usize>(k * channels + channel) << 2));
          const isThere = place >= 0 && row + i < rows;
          index = index * base + (isThere ? field(filters, first + i * rowCodes + place, bits) : base - 1);
        }
        store<u16>(to, <u16>(index << 4));
      }
    }
  }
}

/**
 * Places of entries of sums in bytes, as sum-tables.ts makes them for a block of steps: panels [group][block of steps][four rows][k][4] of
 * uint16. Channels and rows that are not there get code 0: their products count nothing.
 */
export function packFilterEntries(args: usize, group: i32): void {
  const filters = <usize>load<u32>(args);
  const rows = load<i32>(args, 8), K = load<i32>(args, 12), rowCodes = load<i32>(args, 16);
  const bits = load<i32>(args, 28), levels = load<i32>(args, 44), channels = load<i32>(args, 48), block = load<i32>(args, 56);
  const table = args + (<usize>load<u32>(args, 52) << 2);
  let entries = 1;
  for (let channel = 0; channel < channels; channel++) entries *= levels;
  let to = <usize>load<u32>(args, 4) + <usize>group * <usize>load<u32>(args, 24);
  for (let k = 0; k < K; k += block) {
    const steps = min(block, K - k);
    for (let row = 0; row < rows; row += 4) {
      const first = group * load<i32>(args, 20) + row * rowCodes;
      for (let step = 0; step < steps; step++) {
        for (let i = 0; i < 4; i++, to += 2) {
          let index = 0;
          for (let channel = channels - 1; channel >= 0; channel--) {
            const place = load<i32>(table + (<usize>((k + step) * channels + channel) << 2));
            const isThere = place >= 0 && row + i < rows;
            index = index * levels + (isThere ? min(field(filters, first + i * rowCodes + place, bits), levels - 1) : 0);
          }
          store<u16>(to, <u16>(step * entries + index << 5));
        }
      }
    }
  }
}
