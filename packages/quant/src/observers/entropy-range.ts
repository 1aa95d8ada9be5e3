import { anchored, extremesOf, type GridQuestion, type ValueRange } from "./value-range.js";

const STEPS = 80;
const BINS = 2048;
/** The share of the grid's distribution that is spread over all bins, so that none of them is impossible. */
const SPREAD = 1e-4;

/** How many values fall into each of so many bins from min to max. */
function histogramOf(values: ArrayLike<number>, { min, max }: ValueRange, bins: number): Float64Array {
  const counts = new Float64Array(bins);
  for (let i = 0; i < values.length; i++) {
    const place = Math.floor(((values[i] - min) / (max - min)) * bins);
    counts[Math.min(bins - 1, Math.max(0, place))]++;
  }
  return counts;
}

/**
 * KL(P ‖ Q) in nats. P are the bins from `from` to `to`, with all that lies outside in the two at the ends: what clipping makes
 * of the values. Q is what `levels` cells of these bins still know of them: each cell's count, evenly over its bins that are not
 * empty.
 */
function divergence(counts: Float64Array, from: number, to: number, levels: number): number {
  const width = to - from;
  const kept = counts.subarray(from, to);
  const clipped = Float64Array.from(kept);
  for (let i = 0; i < from; i++) clipped[0] += counts[i];
  for (let i = to; i < counts.length; i++) clipped[width - 1] += counts[i];
  const cellOf = (bin: number) => Math.floor((bin * levels) / width);
  const [cells, filled] = [new Float64Array(levels), new Float64Array(levels)];
  let [all, inside] = [0, 0];
  for (let bin = 0; bin < width; bin++) {
    all += clipped[bin];
    inside += kept[bin];
    cells[cellOf(bin)] += kept[bin];
    if (kept[bin] > 0) filled[cellOf(bin)]++;
  }
  let sum = 0;
  for (let bin = 0; bin < width; bin++) {
    if (clipped[bin] === 0) continue;
    const cell = cellOf(bin);
    const known = kept[bin] > 0 ? cells[cell] / filled[cell] / inside : 0;
    const p = clipped[bin] / all;
    sum += p * Math.log(p / ((1 - SPREAD) * known + SPREAD / width));
  }
  return sum;
}

/**
 * Where a uniform grid should begin and end so that it loses least of what the values tell: of the extremes, shrunk in 80
 * steps, the range of the least Kullback-Leibler divergence between the histogram of the clipped values and what is left of it
 * on the grid.
 *
 * Source: Migacz, "8-bit inference with TensorRT", GTC 2017, whose histograms are of magnitudes; here they are
 * of the values, and a small share of Q goes to bins that would be impossible
 */
export function entropyRange(values: ArrayLike<number>, { levels, anchor }: GridQuestion): ValueRange {
  const whole = anchored(extremesOf(values), anchor);
  if (values.length === 0) return whole;
  const bins = Math.max(BINS, 8 * levels);
  const counts = histogramOf(values, whole, bins);
  const zero = -whole.min / (whole.max - whole.min); // ranges shrink towards it
  let [best, least] = [whole, Number.POSITIVE_INFINITY];
  for (let step = STEPS; step > 0; step--) {
    const share = step / STEPS;
    const [from, to] = [zero - zero * share, zero + (1 - zero) * share].map((part) => Math.round(part * bins));
    const isInside = from >= 0 && to <= bins && to - from >= levels;
    if (!isInside) continue; // of a range that does not hold 0, or has fewer bins than levels
    const loss = divergence(counts, from, to, levels);
    if (loss < least) [best, least] = [{ min: whole.min * share, max: whole.max * share }, loss];
  }
  return best;
}
