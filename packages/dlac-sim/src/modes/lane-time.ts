import type { Moments } from "./order-statistics.js";

const MOST_EXACT = 1024;

/**
 * How long a lane takes for a window of so many positions, each with work at the given density.
 *
 * Without a limit to look-ahead it takes a cycle for each position with work: binomial. With one, a cycle moves it on to the next
 * such position, or over `lookAhead` positions without any. With E(n) and Q(n) the first and second moment for n positions left,
 *
 *     E(n) = 1 + Σ_j p_j E(n − j)        Q(n) = 1 + Σ_j p_j (2 E(n − j) + Q(n − j))
 *
 * where p_j = d (1 − d)^(j − 1) for j up to min(lookAhead, n), and what is left of 1 goes to the last j. Beyond 1024 positions both
 * grow in a straight line.
 */
export function laneTime(positions: number, density: number, lookAhead: number): Moments {
  if (lookAhead === 0) return { mean: positions * density, variance: positions * density * (1 - density) };
  const most = Math.min(positions, MOST_EXACT);
  const [mean, square] = [new Float64Array(most + 1), new Float64Array(most + 1)];
  for (let n = 1; n <= most; n++) {
    const reach = Math.min(lookAhead, n);
    let [first, second, left] = [1, 1, 1];
    for (let step = 1; step <= reach; step++) {
      const chance = step === reach ? left : left * density;
      first += chance * mean[n - step];
      second += chance * (2 * mean[n - step] + square[n - step]);
      left -= chance;
    }
    [mean[n], square[n]] = [first, second];
  }
  const variance = (n: number): number => Math.max(0, square[n] - mean[n] ** 2);
  if (positions === most) return { mean: mean[most], variance: variance(most) };
  const [half, rest] = [most / 2, positions - most];
  return {
    mean: mean[most] + (rest * (mean[most] - mean[half])) / half,
    variance: variance(most) + (rest * (variance(most) - variance(half))) / half,
  };
}

const MOST_TABULATED = 512;

/**
 * P(T ≤ t) of that time for t from 0 to `positions`, exactly; undefined beyond 512 positions, where it is nearly normal.
 * With p_j as above, P(T_n = t) = Σ_j p_j P(T_(n − j) = t − 1).
 */
export function laneTimeCdf(positions: number, density: number, lookAhead: number): Float64Array | undefined {
  if (positions > MOST_TABULATED) return undefined;
  const size = positions + 1;
  const chances = [Float64Array.of(1)]; // of T_0, T_1, …
  for (let n = 1; n <= positions; n++) {
    const own = new Float64Array(n + 1);
    const reach = Math.min(lookAhead, n);
    let left = 1;
    for (let step = 1; step <= reach; step++) {
      const chance = step === reach ? left : left * density;
      chances[n - step].forEach((each, t) => {
        own[t + 1] += chance * each;
      });
      left -= chance;
    }
    chances.push(own);
  }
  let sum = 0;
  const cdf = Float64Array.from(chances[positions], (chance) => {
    sum += chance;
    return Math.min(1, sum);
  });
  cdf[size - 1] = 1;
  return cdf;
}
