import { ArgumentError } from "@lowbit/core-tensor";
import type { Storage } from "@lowbit/core-tensor/storage";
import type { Metric, Study, Trial, TrialResult, Verdict } from "./define-study.js";
import { type Provenance, readTrial, type TrialRecord, writeTrial } from "./trial-record.js";

/** How far a study has come. */
export interface StudyState {
  readonly study: string;
  readonly version: number;
  readonly about: string;
  readonly metric: Metric;
  readonly verdicts: readonly Verdict[];
  readonly trials: readonly TrialRecord[];
  /** Keys of the trials without a result. */
  readonly missing: readonly string[];
}

export interface RunStudyOptions {
  readonly storage: Storage;
  /** Where the records lie, a file for each trial. */
  readonly folder: string;
  /** Run those trials alone whose key holds one of these texts; all where absent. */
  readonly only?: readonly string[];
  readonly signal?: AbortSignal;
  /** Runs one trial; a stopped one throws and goes on by its own means the next time. */
  runTrial(trial: Trial): Promise<{ readonly result: TrialResult; readonly made: Provenance }>;
  /** Told before a trial runs: its place among all of the study's. */
  onTrial?(trial: Trial, index: number): void;
}

/** What is there of a study; runs nothing. */
export async function readStudyState(study: Study, storage: Storage, folder: string): Promise<StudyState> {
  const trials: TrialRecord[] = [];
  const missing: string[] = [];
  for (const trial of study.trials) {
    const record = await readTrial(storage, folder, study, trial);
    if (record) trials.push(record);
    else missing.push(trial.key);
  }
  const { name, version, about, metric } = study;
  return { study: name, version, about, metric, verdicts: study.judge(trials), trials, missing };
}

/**
 * Runs the trials of a study that have no record yet, in their order, and writes each result as it comes.
 *
 * @throws {ArgumentError} when `only` fits no trial
 * @throws whatever a trial throws, and the signal's reason once it is aborted; what is recorded stays
 */
export async function runStudy(study: Study, options: RunStudyOptions): Promise<StudyState> {
  const { storage, folder, only, signal, runTrial, onTrial } = options;
  const isWanted = ({ key }: Trial): boolean => only === undefined || only.some((text) => key.includes(text));
  if (!study.trials.some(isWanted)) {
    throw new ArgumentError(`study "${study.name}" has no trial like ${only?.join(" or ")}`, {
      want: `part of ${study.trials[0].key}, …`,
      got: only,
    });
  }
  await readStudyState(study, storage, folder); // a record that does not belong here is told before hours of work
  await storage.makeFolder(folder);
  for (const [index, trial] of study.trials.entries()) {
    if (!isWanted(trial) || (await readTrial(storage, folder, study, trial))) continue;
    signal?.throwIfAborted();
    onTrial?.(trial, index);
    const started = performance.now();
    const { result, made } = await runTrial(trial);
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    await writeTrial(storage, folder, study, { ...trial, result, seconds, made });
  }
  return readStudyState(study, storage, folder);
}
