import { anchored, extremesOf, type GridQuestion, type ValueRange } from "./value-range.js";

const STEPS = 80;
/** Of so many values the error is reckoned: evenly taken where there are more. */
const SAMPLE = 20_000;

/** Σ (q(x) − x)² on a uniform grid of so many levels. */
function squaredError(values: ArrayLike<number>, { min, max }: ValueRange, levels: number): number {
  const step = (max - min) / (levels - 1);
  let error = 0;
  for (let i = 0; i < values.length; i++) {
    const held = Math.min(max, Math.max(min, values[i]));
    error += (min + Math.round((held - min) / step) * step - values[i]) ** 2;
  }
  return error;
}

/**
 * Where a uniform grid should begin and end so that rounding and clipping together move values least: of the extremes, shrunk
 * in 80 steps, the range of the least squared error.
 *
 * Source: Bhalgat et al., "LSQ+", arXiv 2004.09576, section 4.3; Banner et al., arXiv 1810.05723
 */
export function meanSquaredErrorRange(all: ArrayLike<number>, { levels, anchor }: GridQuestion): ValueRange {
  const stride = Math.ceil(all.length / SAMPLE);
  const values =
    stride <= 1 ? all : Float64Array.from({ length: Math.floor(all.length / stride) }, (_, i) => all[i * stride]);
  const whole = anchored(extremesOf(all), anchor);
  let [best, least] = [whole, Number.POSITIVE_INFINITY];
  for (let step = STEPS; step > 0; step--) {
    const range = { min: (whole.min * step) / STEPS, max: (whole.max * step) / STEPS };
    if (!(range.max > range.min)) continue;
    const error = squaredError(values, range, levels);
    if (error < least) [best, least] = [range, error];
  }
  return best;
}
