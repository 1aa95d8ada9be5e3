import { anchored, extremesOf, type GridQuestion, type ValueRange } from "./value-range.js";

/** The p-th percentile of rising values, p from 0 to 100, between two of them in proportion. */
function percentileOf(rising: Float64Array, p: number): number {
  const place = (p / 100) * (rising.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, rising.length - 1);
  return rising[below] + (place - below) * (rising[above] - rising[below]);
}

/**
 * A range that leaves the outermost values outside: up to the p-th percentile, of magnitudes where it is symmetric; from the
 * (100 − p)-th where it may begin anywhere.
 *
 * Source: McKinstry et al., arXiv 1809.04191; Wu et al., arXiv 2004.09602
 */
export function percentileRange(values: ArrayLike<number>, { anchor }: GridQuestion, percentile: number): ValueRange {
  extremesOf(values); // refuses what is not finite
  if (values.length === 0) return anchored({ min: 0, max: 0 }, anchor);
  const read = anchor === "symmetric" ? Math.abs : (value: number) => value;
  const rising = Float64Array.from({ length: values.length }, (_, i) => read(values[i])).sort();
  return anchored({ min: percentileOf(rising, 100 - percentile), max: percentileOf(rising, percentile) }, anchor);
}
