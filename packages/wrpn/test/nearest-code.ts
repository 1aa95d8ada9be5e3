/** Values are j / GRID, so that oracles reckon in whole numbers and have no rounding of their own. */
export const GRID = 1024;

/**
 * Tries every code from `lowest` to n, whose levels are code / n, and keeps the nearest to j / GRID; on a tie the even
 * one. Clipping comes out of it unasked.
 */
export function nearestCode(j: number, lowest: number, n: number): number {
  let best = lowest;
  for (let code = lowest + 1; code <= n; code++) {
    const gain = Math.abs(best * GRID - n * j) - Math.abs(code * GRID - n * j);
    if (gain > 0 || (gain === 0 && code % 2 === 0)) best = code;
  }
  return best;
}

/** Every j of values from −2 to 2: all ties, edges and levels that the grid can hold. */
export const everyJ: readonly number[] = Array.from({ length: 4 * GRID + 1 }, (_, i) => i - 2 * GRID);
