/** Where a grid begins and ends; max > min. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** A grid of values that are all alike still has a width. */
export function widened({ min, max }: ValueRange): ValueRange {
  return max > min ? { min, max } : { min, max: min + Math.max(Math.abs(min), 1) * 2 ** -16 };
}

/** The smallest and the largest value; 0 alone where there are none. */
export function extremesOf(values: ArrayLike<number>): ValueRange {
  let [min, max] = values.length === 0 ? [0, 0] : [values[0], values[0]];
  for (let i = 1; i < values.length; i++) {
    if (values[i] < min) min = values[i];
    if (values[i] > max) max = values[i];
  }
  return { min, max };
}
