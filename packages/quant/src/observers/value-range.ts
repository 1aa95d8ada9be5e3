import { ArgumentError } from "@lowbit/core-tensor";

/** Where a grid begins and ends; max > min. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** What is asked of an observer: the range of a uniform grid. */
export interface GridQuestion {
  /** Levels of the grid, both ends included. */
  readonly levels: number;
  /** "zero": it begins at 0; "symmetric": it reaches as far below 0 as above; "free": anywhere. */
  readonly anchor: "zero" | "symmetric" | "free";
}

/** A grid of values that are all alike still has a width. */
export function widened({ min, max }: ValueRange): ValueRange {
  return max > min ? { min, max } : { min, max: min + Math.max(Math.abs(min), 1) * 2 ** -16 };
}

/** A range as its grid may lie: from 0, as far below 0 as above, or as it is. */
export function anchored({ min, max }: ValueRange, anchor: GridQuestion["anchor"]): ValueRange {
  if (anchor === "zero") return widened({ min: 0, max: Math.max(0, max) });
  if (anchor === "free") return widened({ min, max });
  const reach = widened({ min: 0, max: Math.max(Math.abs(min), Math.abs(max)) }).max;
  return { min: -reach, max: reach };
}

/**
 * The smallest and the largest value; 0 alone where there are none.
 *
 * @throws {ArgumentError} when one of them is NaN or infinite
 */
export function extremesOf(values: ArrayLike<number>): ValueRange {
  let [min, max] = values.length === 0 ? [0, 0] : [values[0], values[0]];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new ArgumentError(`value ${i} of those to observe is ${values[i]}`, { want: "finite values" });
    }
    if (values[i] < min) min = values[i];
    if (values[i] > max) max = values[i];
  }
  return { min, max };
}
