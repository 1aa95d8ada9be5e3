import type { FinishedTrial, Metric, Trial } from "../define-study.js";
import { type Spread, spreadOf } from "../spread.js";

// A language model of one recurrent layer that reads characters. The baseline is fp32 with 64 hidden units, 1x; everything but the
// hidden multiplier and the precision is as there: text, steps, learning rate. A wider network therefore takes no more steps, and each
// of its steps costs more.

export const SEEDS = [1, 2, 3];
export const CELLS = ["lstm", "gru"] as const;

export type Cell = (typeof CELLS)[number];

/** The multipliers that each precision is tried at. */
export const FACTORS: Readonly<Record<string, readonly number[]>> = {
  w4a4: [1, 1.25, 1.5],
  w2a4: [1, 1.25, 1.5, 2],
  w2a2: [1, 1.5, 2, 2.5],
  w1a1: [1, 1.5, 2, 3],
};
export const PRECISIONS = Object.keys(FACTORS);

export interface Row {
  readonly cell: Cell;
  readonly precision: string;
  readonly factor: number;
}

export const bitsPerCharacter: Metric = { name: "bitsPerCharacter", label: "bits per character", digits: 3 };

export const baselineOf = (cell: Cell): Row => ({ cell, precision: "fp32", factor: 1 });
export const rowsOf = (cell: Cell, precision: string): Row[] =>
  FACTORS[precision].map((factor) => ({ cell, precision, factor }));
export const nameOf = ({ cell, precision, factor }: Row): string => `${cell} ${factor}x ${precision}`;

const trialOf = (row: Row, seed: number): Trial => ({
  key: `${nameOf(row).replaceAll(" ", "-")}-seed${seed}`,
  configuration: {
    ...{ model: row.cell, data: "moby-dick", level: "char", limit: 150_000, hidden: 64, width: row.factor },
    ...{ precision: row.precision, quantizer: "wrpn", epochs: 3, optimiser: "adamw", learningRate: 0.004 },
    ...{ schedule: "cosine", seed },
  },
});

const inAllSeeds = (rows: readonly Row[]): Trial[] => SEEDS.flatMap((seed) => rows.map((row) => trialOf(row, seed)));

/** In the order in which they run: the baselines, then precision by precision, so that a study that is stopped early has whole ones. */
export const allTrials: readonly Trial[] = [
  inAllSeeds(CELLS.map(baselineOf)),
  ...PRECISIONS.map((precision) => inAllSeeds(CELLS.flatMap((cell) => rowsOf(cell, precision)))),
].flat();

/** What the finished trials of a row have measured, in however many seeds. */
export interface Measured {
  readonly bits: Spread;
  /** Of the whole packed network. */
  readonly packedBytes: number;
}

/** undefined where no seed is there. */
export function measuredOf(finished: readonly FinishedTrial[], row: Row): Measured | undefined {
  const keys = SEEDS.map((seed) => trialOf(row, seed).key);
  const found = finished.filter(({ key }) => keys.includes(key));
  if (found.length === 0) return undefined;
  const bits = spreadOf(found.map(({ result }) => result[bitsPerCharacter.name]));
  return { bits, packedBytes: found[0].result.packedBytes };
}

export const isWhole = (measured: Measured | undefined): measured is Measured => measured?.bits.count === SEEDS.length;

/** At each precision and cell the smallest multiplier whose mean is not above the baseline's; undefined where none of those tried reaches it. */
export function smallestReaching(
  finished: readonly FinishedTrial[],
  cell: Cell,
  precision: string,
): { readonly row: Row; readonly measured: Measured } | undefined {
  const baseline = measuredOf(finished, baselineOf(cell));
  if (!baseline) return undefined;
  for (const row of rowsOf(cell, precision)) {
    const measured = measuredOf(finished, row);
    if (measured && measured.bits.mean <= baseline.bits.mean) return { row, measured };
  }
  return undefined;
}
