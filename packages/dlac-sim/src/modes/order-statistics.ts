/** Mean and variance of a random number of cycles. */
export interface Moments {
  readonly mean: number;
  readonly variance: number;
}

/** Independent counts that are compared: `lanes` of them for each of several window lengths. */
export interface Slice {
  readonly positions: number;
  readonly lanes: number;
}

/** A group of lanes that wait for each other, on a grid of `rows` × `columns` elements with the same slices each. */
export interface LaneGroup {
  readonly slices: readonly Slice[];
  readonly rows: number;
  readonly columns: number;
  /** The share of activations and of weights that make work; 1 where their zeros are not skipped. */
  readonly aDensity: number;
  readonly wDensity: number;
}

/** How much of the spread of lanes' times comes of their activations alone, and of their weights alone, given the shares of both that make work; the rest comes of how they meet. */
export function shareOfSpread(a: number, w: number): { readonly activations: number; readonly weights: number } {
  const [activations, weights, both] = [a * (1 - a) * w * w, w * (1 - w) * a * a, a * (1 - a) * w * (1 - w)];
  const all = activations + weights + both;
  return all === 0 ? { activations: 0, weights: 0 } : { activations: activations / all, weights: weights / all };
}

/** Results of a pure function by its arguments; all of them are forgotten when they are too many. */
class Known<Key, Value> {
  readonly #values = new Map<Key, Value>();

  get(key: Key, find: () => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    if (this.#values.size === MOST_KNOWN) this.#values.clear();
    const value = find();
    this.#values.set(key, value);
    return value;
  }
}

const MOST_KNOWN = 4096;
const slowestLanes = new Known<string, Moments>(); // the layers of a network repeat a few window lengths
const greatestNormals = new Known<number, number>();

const TAIL = 1e-12; // of a distribution: what is left out below and above
const MOST_CONDITIONS = 32;

/**
 * The slowest lane of a group: mean and variance of the greatest of its counts.
 *
 * A lane counts, over its positions, those where activation and weight are both non-zero. Elements of a row share activations: given
 * that A of n positions have one, their counts are independent binomials of A and the weights' density, so
 * P(all ≤ t) = Σ_A P(A) · F(t; A, wDensity)^columns, exactly. Lanes of an element have positions of their own and are independent:
 * the product over lanes. Rows share weights: they count as independent where weights make no difference, once where only weights do
 * (both exact), and in between as rows^(1 − share of the spread that comes of weights).
 */
export function slowestLane(group: LaneGroup): Moments {
  const { slices, rows, columns, aDensity, wDensity } = group;
  const sizes = slices.map(({ positions, lanes }) => `${positions} ${lanes}`).join(" ");
  const key = `${sizes} ${rows} ${columns} ${aDensity} ${wDensity}`;
  return slowestLanes.get(key, () => findSlowestLane(group));
}

function findSlowestLane({ slices, rows, columns, aDensity, wDensity }: LaneGroup): Moments {
  const most = Math.max(...slices.map(({ positions }) => positions));
  if (aDensity === 1 && wDensity === 1) return { mean: most, variance: 0 };
  const independentRows = rows ** (1 - shareOfSpread(aDensity, wDensity).weights);
  const cdfs = slices
    .filter(({ lanes }) => lanes > 0)
    .map(({ positions, lanes }) => ({
      cdf: rowCdf(positions, aDensity, wDensity, columns),
      power: lanes * independentRows,
    }));
  let [mean, square] = [0, 0];
  for (let t = 0; t < most; t++) {
    let below = 1; // P(all counts ≤ t)
    for (const { cdf, power } of cdfs) below *= cdf(t) ** power;
    if (below >= 1 - TAIL) break;
    mean += 1 - below;
    square += (2 * t + 1) * (1 - below);
  }
  return { mean, variance: Math.max(0, square - mean * mean) };
}

/** P(the counts of `columns` elements that share their activations are all ≤ t), as a function of t. */
function rowCdf(positions: number, aDensity: number, wDensity: number, columns: number): (t: number) => number {
  if (wDensity === 1) return tabulate(binomialCdf(positions, aDensity)); // all columns count the activations alone
  if (aDensity === 1) {
    const cdf = tabulate(binomialCdf(positions, wDensity));
    return (t) => cdf(t) ** columns;
  }
  const conditions = quantiles(positions, aDensity).map(({ value, weight }) => ({
    weight,
    cdf: tabulate(binomialCdf(value, wDensity)),
  }));
  return (t) => {
    let sum = 0;
    for (const { weight, cdf } of conditions) {
      const below = cdf(t);
      sum += below === 1 ? weight : weight * below ** columns;
    }
    return Math.min(1, sum);
  };
}

/** A table of a distribution from `start` on: 0 before, 1 after. */
interface CdfTable {
  readonly start: number;
  readonly values: Float64Array;
}

const tabulate =
  ({ start, values }: CdfTable) =>
  (t: number): number =>
    t < start ? 0 : t - start < values.length ? values[t - start] : 1;

/** P(X ≤ t) of a binomial, where it is neither 0 nor 1. Summed from the mode, so that nothing overflows. */
export function binomialCdf(count: number, density: number): CdfTable {
  const { start, weights } = binomialWeights(count, density);
  const values = new Float64Array(weights.length);
  let sum = 0;
  for (let index = 0; index < weights.length; index++) {
    sum += weights[index];
    values[index] = Math.min(1, sum);
  }
  values[values.length - 1] = 1;
  return { start, values };
}

function binomialWeights(count: number, density: number): { readonly start: number; readonly weights: Float64Array } {
  if (density <= 0 || count === 0) return { start: 0, weights: Float64Array.of(1) };
  if (density >= 1) return { start: count, weights: Float64Array.of(1) };
  const mode = Math.min(count, Math.floor((count + 1) * density));
  const odds = density / (1 - density);
  const [down, up]: [number[], number[]] = [[], []];
  for (let k = mode, weight = 1; k > 0; k--) {
    weight *= k / ((count - k + 1) * odds);
    if (weight < TAIL) break;
    down.push(weight);
  }
  for (let k = mode, weight = 1; k < count; k++) {
    weight *= ((count - k) * odds) / (k + 1);
    if (weight < TAIL) break;
    up.push(weight);
  }
  const weights = Float64Array.from([...down.reverse(), 1, ...up]);
  let total = 0;
  for (const weight of weights) total += weight;
  for (let index = 0; index < weights.length; index++) weights[index] /= total;
  return { start: mode - down.length, weights };
}

/** A binomial as at most so many values with their weights: neighbours are joined at their mean, rounded. */
function quantiles(count: number, density: number): { readonly value: number; readonly weight: number }[] {
  const { start, weights } = binomialWeights(count, density);
  const step = Math.ceil(weights.length / MOST_CONDITIONS);
  const joined: { value: number; weight: number }[] = [];
  for (let first = 0; first < weights.length; first += step) {
    let [weight, sum] = [0, 0];
    for (let index = first; index < Math.min(first + step, weights.length); index++) {
      weight += weights[index];
      sum += weights[index] * (start + index);
    }
    joined.push({ value: Math.round(sum / weight), weight });
  }
  return joined;
}

/** Mean of the greatest of n independent standard normals: 0, 0.564, 0.846, 1.029 … */
export function greatestNormal(n: number): number {
  return n <= 1 ? 0 : greatestNormals.get(n, () => findGreatestNormal(n));
}

function findGreatestNormal(n: number): number {
  // E = ∫ (1 − Φ(x)^n) over x > 0 − ∫ Φ(x)^n over x < 0, by the midpoint rule
  const [limit, steps] = [9, 1800];
  const width = (2 * limit) / steps;
  let mean = 0;
  for (let step = 0; step < steps; step++) {
    const x = -limit + (step + 0.5) * width;
    const below = normalCdf(x) ** n;
    mean += width * (x > 0 ? 1 - below : -below);
  }
  return mean;
}

/** Φ, to 1.5e-7: Abramowitz and Stegun, 7.1.26. */
function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (poly * Math.exp(-z * z)) / 2;
  return x > 0 ? 1 - tail : tail;
}
