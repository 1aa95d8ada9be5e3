import type { CeilingMeter } from "./ceiling.js";
import { type Summary, summarise } from "./summary.js";

/** One side of a comparison: does the work once, to the last byte of its result. */
export type Work = () => Promise<unknown>;

export interface AlternateOptions {
  /** Time of the rounds, warm-up apart, after which no further one starts. */
  readonly budgetMs: number;
  readonly meter: CeilingMeter;
  /** Whether the ceiling is that of fused multiply-adds. */
  readonly fused: boolean;
  readonly leastRounds?: number;
  readonly mostRounds?: number;
}

/** Milliseconds of each side, and Gop/s of the ceiling, out of the same rounds. */
export interface Alternation {
  readonly sides: readonly Summary[];
  readonly ceiling: number;
}

const WARM_UP_RUNS = 3;
/** After this long the optimising compiler has had its turn, however few the runs. */
const WARM_UP_MS = 1000;
const LEAST_WARM_UP_MS = 100;
/** A sample shorter than this takes several runs: the clock and the scheduler are coarser. */
const LEAST_SAMPLE_MS = 2;

async function warmUp(work: Work): Promise<number> {
  let runs = 0;
  const started = performance.now();
  let last = started;
  let lastMs = 0;
  do {
    await work();
    const now = performance.now();
    lastMs = now - last;
    last = now;
    runs++;
  } while (last - started < (runs < WARM_UP_RUNS ? WARM_UP_MS : LEAST_WARM_UP_MS));
  return Math.max(1, Math.ceil(LEAST_SAMPLE_MS / Math.max(lastMs, 1e-3)));
}

async function sampleMs(work: Work, runs: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < runs; i++) await work();
  return (performance.now() - started) / runs;
}

/**
 * Measures the sides in rounds, in turned order every other round, and the ceiling in each: a machine that slows down
 * slows all of them.
 */
export async function alternate(sides: readonly Work[], options: AlternateOptions): Promise<Alternation> {
  const { budgetMs, meter, fused, leastRounds = 3, mostRounds = 41 } = options;
  const runs: number[] = [];
  for (const work of sides) runs.push(await warmUp(work));
  const started = performance.now();
  const samples: number[][] = sides.map(() => []);
  const ceilings: number[] = [];
  for (let round = 0; round < mostRounds; round++) {
    if (round >= leastRounds && performance.now() - started > budgetMs) break;
    const order = sides.map((_, i) => (round % 2 === 0 ? i : sides.length - 1 - i));
    for (const i of order) samples[i].push(await sampleMs(sides[i], runs[i]));
    ceilings.push(meter.sample({ fused }));
  }
  meter.sampleCopy();
  return { sides: samples.map(summarise), ceiling: summarise(ceilings).median };
}
