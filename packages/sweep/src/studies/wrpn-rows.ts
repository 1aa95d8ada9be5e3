import type { FinishedTrial, Trial } from "../define-study.js";
import { type Spread, spreadOf } from "../spread.js";

// The rows of WRPN's tables at the scale of Fashion-MNIST. The base network, 1x, is resnet8 at a quarter of its width (4, 8 and 16
// channels): so thin that low precision hurts it within three epochs. Everything but width and precision is as in the fp32
// baseline, the paper's rule.

const BASE_WIDTH = 0.25;
export const SEEDS = [1, 2, 3];
export const GRID_BITS = [32, 8, 4, 2, 1];

/** A row of the paper's tables: factor on the width, precision. */
export interface Row {
  readonly factor: number;
  readonly precision: string;
}

export const baseline: Row = { factor: 1, precision: "fp32" };
export const rowOf = (factor: number, precision: string): Row => ({ factor, precision });

/** Each in three seeds. */
const claimRows: readonly Row[] = [
  baseline,
  ...["w4a4", "w2a4", "w2a2", "w1a1"].map((precision) => rowOf(2, precision)),
  ...[1, 1.3, 3].map((factor) => rowOf(factor, "w1a1")),
  ...["w4a32", "w32a4", "w2a32", "w32a2"].map((precision) => rowOf(1, precision)),
];

export const precisionOf = (weightBits: number, activationBits: number): string =>
  weightBits === 32 && activationBits === 32 ? "fp32" : `w${weightBits}a${activationBits}`;

/** The sensitivity grid, weights × activations at 1x, in one seed. */
const gridRows = GRID_BITS.flatMap((w) => GRID_BITS.map((a) => rowOf(1, precisionOf(w, a))));

const trialOf = ({ factor, precision }: Row, seed: number): Trial => ({
  key: `${factor}x-${precision}-seed${seed}`,
  configuration: {
    ...{ model: "resnet8", data: "fashion-mnist", width: BASE_WIDTH * factor, precision, quantizer: "wrpn" },
    ...{ epochs: 3, batch: 128, optimiser: "sgd", learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 },
    ...{ schedule: "cosine", augment: "crop:2,flip", seed },
  },
});

const withDoubles = [
  ...SEEDS.flatMap((seed) => claimRows.map((row) => trialOf(row, seed))),
  ...gridRows.map((row) => trialOf(row, SEEDS[0])),
];

/** In the order in which they run: what carries a claim first, seed by seed, then the rest of the grid. */
export const allTrials = withDoubles.filter(({ key }, i) => withDoubles.findIndex((other) => other.key === key) === i);

/** The accuracies of a row's finished trials; undefined until each seed is there. */
export function accuracyOf(finished: readonly FinishedTrial[], row: Row): Spread | undefined {
  const found = finishedOf(finished, row);
  return found.length < SEEDS.length ? undefined : spreadOf(found.map(({ result }) => result.accuracy));
}

/** The finished trials of a row, in however many seeds. */
export function finishedOf(finished: readonly FinishedTrial[], row: Row): FinishedTrial[] {
  const keys = SEEDS.map((seed) => trialOf(row, seed).key);
  return finished.filter(({ key }) => keys.includes(key));
}
