import { ArgumentError } from "@lowbit/core-tensor";
import type { Storage } from "@lowbit/core-tensor/storage";
import type { Metric, Trial, TrialResult } from "./define-study.js";
import { type Spread, spreadOf } from "./spread.js";
import { type Provenance, readTrial, type TrialRecord, writeTrial } from "./trial-record.js";

/** Which network may be made wider, and what it has to reach. */
export interface MultiplierSearch {
  readonly metric: Metric;
  /** Which end of the metric is the good one. */
  readonly best: "lowest" | "highest";
  /** What is to be reached: usually fp32 at 1x. */
  baseline(seed: number): Trial;
  /** The network to be made as good, this much wider. */
  candidate(multiplier: number, seed: number): Trial;
  /** Those that may be the answer, in rising order. */
  readonly multipliers: readonly number[];
  readonly seeds: readonly number[];
}

export interface SearchOptions {
  readonly storage: Storage;
  /** Where the records lie, a file for each trial: trials that are there are not run again. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  runTrial(trial: Trial): Promise<{ readonly result: TrialResult; readonly made: Provenance }>;
  /** Told before a trial runs. */
  onTrial?(trial: Trial): void;
}

/** One multiplier that was tried, or the baseline. */
export interface Tried {
  readonly spread: Spread;
  /** Bytes of the packed network. */
  readonly packedBytes: number;
}

export interface FoundMultiplier {
  /** null where not even the largest reaches the baseline. */
  readonly smallest: number | null;
  readonly baseline: Tried;
  /** In the order in which they were tried. */
  readonly tried: readonly (Tried & { readonly multiplier: number; readonly reaches: boolean })[];
}

/** Records of a search are told from those of studies by it. */
const SEARCH = { name: "search", version: 1 };

/**
 * The smallest multiplier at which a network's mean over the seeds is no worse than the baseline's mean, by bisection: it takes for granted that
 * wider is not worse, and tries ⌈log₂(n + 1)⌉ of n multipliers. Each result is written as it comes, and a search that was stopped goes
 * the same way again over what is there.
 *
 * @throws {ArgumentError} for no multiplier, no seed, or multipliers that do not rise
 * @throws {ConfigurationError} for a record in the folder that is of something else
 * @throws whatever a trial throws, and the signal's reason once it is aborted; what is recorded stays
 */
export async function searchMultiplier(search: MultiplierSearch, options: SearchOptions): Promise<FoundMultiplier> {
  const { multipliers, seeds, metric, best } = search;
  const rises = multipliers.every((each, i) => each > (multipliers[i - 1] ?? 0));
  if (multipliers.length === 0 || seeds.length === 0 || !rises) {
    throw new ArgumentError("there is nothing to search", {
      want: "at least one seed, and multipliers above 0 in rising order",
      got: { multipliers, seeds },
    });
  }
  await options.storage.makeFolder(options.folder);
  const measure = async (trialOf: (seed: number) => Trial): Promise<Tried> => {
    const records: TrialRecord[] = [];
    for (const seed of seeds) records.push(await runOrRead(trialOf(seed), metric, options));
    const spread = spreadOf(records.map(({ result }) => result[metric.name]));
    return { spread, packedBytes: records[0].result.packedBytes };
  };
  const baseline = await measure((seed) => search.baseline(seed));
  const tried: FoundMultiplier["tried"][number][] = [];
  let [least, most] = [0, multipliers.length]; // the answer's index is in between; `most` itself is "none"
  while (least < most) {
    const middle = Math.floor((least + most) / 2);
    const multiplier = multipliers[middle];
    const found = await measure((seed) => search.candidate(multiplier, seed));
    const gain = found.spread.mean - baseline.spread.mean;
    const reaches = best === "highest" ? gain >= 0 : gain <= 0;
    tried.push({ ...found, multiplier, reaches });
    if (reaches) most = middle;
    else least = middle + 1;
  }
  return { smallest: multipliers[most] ?? null, baseline, tried };
}

async function runOrRead(trial: Trial, metric: Metric, options: SearchOptions): Promise<TrialRecord> {
  const { storage, folder, signal, runTrial, onTrial } = options;
  const study = { ...SEARCH, metric };
  const known = await readTrial(storage, folder, study, trial);
  if (known) return known;
  signal?.throwIfAborted();
  onTrial?.(trial);
  const started = performance.now();
  const { result, made } = await runTrial(trial);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  await writeTrial(storage, folder, study, { ...trial, result, seconds, made });
  return { ...trial, result, seconds, made };
}
