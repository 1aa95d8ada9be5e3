// Moves elements between two layouts: transpose, slice, concat, broadcast, padding. Plain twins: src/ops/shape-ops.ts, src/ops/sum.ts.

/**
 * Arguments: 0 from, 1 to, 2 bytes of an element (1 or 4), 3 rank, 4 rows in all, 5 rows a chunk, then for each axis its size, the step of
 * `from` and the step of `to` along it, in elements. A row is the last axis.
 */
export function stridedCopy(args: usize, chunk: i32): void {
  const bytes = <usize>load<u32>(args, 8);
  const rank = load<i32>(args, 12), rows = load<i32>(args, 16), each = load<i32>(args, 20);
  const axes = args + 24;
  const last = axes + <usize>(rank - 1) * 12;
  const count = load<i32>(last), fromStep = <usize>load<i32>(last, 4) * bytes, toStep = <usize>load<i32>(last, 8) * bytes;
  for (let row = chunk * each, end = min((chunk + 1) * each, rows); row < end; row++) {
    let rest = row;
    let from = <usize>load<u32>(args), to = <usize>load<u32>(args, 4);
    for (let axis = rank - 2; axis >= 0; axis--) {
      const entry = axes + <usize>axis * 12;
      const size = load<i32>(entry);
      const index = <usize>(rest % size);
      from += index * <usize>load<i32>(entry, 4) * bytes;
      to += index * <usize>load<i32>(entry, 8) * bytes;
      rest /= size;
    }
    if (fromStep == bytes && toStep == bytes) {
      let left = <usize>count * bytes;
      for (; left >= 16; left -= 16, from += 16, to += 16) v128.store(to, v128.load(from));
      for (; left >= 4; left -= 4, from += 4, to += 4) store<u32>(to, load<u32>(from));
      for (; left > 0; left--, from++, to++) store<u8>(to, load<u8>(from));
    } else if (bytes == 1) for (let i = 0; i < count; i++, from += fromStep, to += toStep) store<u8>(to, load<u8>(from));
    else for (let i = 0; i < count; i++, from += fromStep, to += toStep) store<u32>(to, load<u32>(from));
  }
}

/** Arguments: 0 to, 1 bytes. A chunk is 64 kB. */
export function fillZeros(args: usize, chunk: i32): void {
  const first = <usize>chunk << 16;
  memory.fill(<usize>load<u32>(args) + first, 0, min(<usize>65536, <usize>load<u32>(args, 4) - first));
}

/** Rows of a table. Arguments: 0 table, 1 indices, 2 out, 3 count, 4 width, 5 rows of the table. A chunk is 16 indices. NaN where there is no such row. */
export function gatherRows(args: usize, chunk: i32): void {
  const width = load<i32>(args, 16), rows = load<i32>(args, 20);
  for (let i = chunk << 4, end = min((chunk + 1) << 4, load<i32>(args, 12)); i < end; i++) {
    const row = load<i32>(<usize>load<u32>(args, 4) + (<usize>i << 2));
    const to = <usize>load<u32>(args, 8) + (<usize>i * <usize>width << 2);
    const isKnown = row >= 0 && row < rows;
    const from = <usize>load<u32>(args) + (<usize>row * <usize>width << 2);
    for (let j: usize = 0; j < <usize>width; j++) store<f32>(to + (j << 2), isKnown ? load<f32>(from + (j << 2)) : NaN);
  }
}

/** dy added up in the rows it came from, in order. Arguments: 0 indices, 1 dy, 2 out (zeros at first), 3 count, 4 width, 5 rows. A chunk is 16 columns. */
export function scatterRows(args: usize, chunk: i32): void {
  const width = load<i32>(args, 16), rows = load<i32>(args, 20);
  const first = chunk << 4, end = min(first + 16, width);
  for (let i = 0, count = load<i32>(args, 12); i < count; i++) {
    const row = load<i32>(<usize>load<u32>(args) + (<usize>i << 2));
    if (row < 0 || row >= rows) continue;
    const from = <usize>load<u32>(args, 4) + (<usize>i * <usize>width << 2), to = <usize>load<u32>(args, 8) + (<usize>row * <usize>width << 2);
    for (let j = first; j < end; j++) {
      const at = to + (<usize>j << 2);
      store<f32>(at, load<f32>(at) + load<f32>(from + (<usize>j << 2)));
    }
  }
}
