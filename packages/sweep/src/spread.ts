/** Several measurements of one thing. */
export interface Spread {
  readonly count: number;
  readonly mean: number;
  /** The sample's standard deviation; 0 of one value. */
  readonly deviation: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0 };
}

/** "84.20 ± 0.31 (3)": mean, standard deviation and how many. */
export function formatSpread({ count, mean, deviation }: Spread, digits = 2): string {
  return count === 1 ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)} (${count})`;
}
