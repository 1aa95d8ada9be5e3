/** A machine as the oracle takes it: the fields of a grid's configuration. */
export interface OracleGrid {
  readonly gridRows: number;
  readonly gridColumns: number;
  readonly lanes: number;
  readonly lookAhead: number;
  readonly queueDepth: number;
  readonly synchronisation: "lane" | "pe" | "row" | "array";
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Cycles and multiply-accumulates of one tile, position by position: each lane has a list of what is work and what is not, and walks
 * it; an output starts when all lanes of its group have done the one `queueDepth` before.
 *
 * @param hasWork  by pixel, filter and position of the window
 */
export function walkTile(
  grid: OracleGrid,
  tile: { readonly pixels: Span; readonly filters: Span; readonly positions: number },
  hasWork: (pixel: number, filter: number, position: number) => boolean,
): { readonly cycles: number; readonly executed: number } {
  const { gridRows, gridColumns, lanes, queueDepth } = grid;
  const count = gridRows * gridColumns * lanes;
  const groupSize = { lane: 1, pe: lanes, row: lanes * gridColumns, array: count }[grid.synchronisation];
  const ends: number[][] = []; // of each output, by lane
  let executed = 0;
  for (let filter = tile.filters.from; filter < tile.filters.to; filter += gridColumns) {
    for (let pixel = tile.pixels.from; pixel < tile.pixels.to; pixel += gridRows) {
      const before = ends[ends.length - 1] ?? Array(count).fill(0);
      const met = grid.synchronisation === "lane" ? undefined : ends[ends.length - queueDepth];
      const own = Array.from({ length: count }, (_, lane) => {
        const [element, first] = [Math.floor(lane / lanes), lane % lanes];
        const [row, column] = [Math.floor(element / gridColumns), element % gridColumns];
        const group = Math.floor(lane / groupSize) * groupSize;
        const start = Math.max(before[lane], ...(met?.slice(group, group + groupSize) ?? []));
        if (pixel + row >= tile.pixels.to || filter + column >= tile.filters.to) return start;
        const list: boolean[] = [];
        for (let position = first; position < tile.positions; position += lanes) {
          list.push(hasWork(pixel + row, filter + column, position));
        }
        executed += list.filter(Boolean).length;
        return start + walk(list, grid.lookAhead);
      });
      ends.push(own);
    }
  }
  return { cycles: Math.max(0, ...(ends[ends.length - 1] ?? [])), executed };
}

/** A cycle for the next position with work among those ahead, or for moving over them all. */
function walk(list: readonly boolean[], lookAhead: number): number {
  if (lookAhead === 0) return list.filter(Boolean).length;
  let cycles = 0;
  for (let at = 0; at < list.length; cycles++) {
    const found = list.slice(at, at + lookAhead).indexOf(true);
    at += found < 0 ? lookAhead : found + 1;
  }
  return cycles;
}
