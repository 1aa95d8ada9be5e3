import { ConfigurationError } from "@lowbit/core-tensor";
import { checkEntryName, type JsonObject } from "@lowbit/core-tensor/storage";
import type { Section } from "@lowbit/report";

/** One run of a study. */
export interface Trial {
  /** Names its file, so it says what the configuration is and never changes: "2x-w4a4-seed1". */
  readonly key: string;
  /** All that decides the result, as plain JSON. */
  readonly configuration: JsonObject;
}

/** What a finished trial measured, by name. */
export interface TrialResult {
  readonly [name: string]: number;
}

/** The measurement that a study's trials are compared by. */
export interface Metric {
  /** Its name in a result: each trial has to have measured it. */
  readonly name: string;
  /** For people, with its unit: "test accuracy, %". */
  readonly label: string;
  /** Digits behind the point where it is shown. */
  readonly digits: number;
}

/** Of the test images that were told right, in per cent. */
export const testAccuracy: Metric = { name: "accuracy", label: "accuracy, %", digits: 2 };

/** Something that the study was made to find out, and what its trials say. */
export interface Verdict {
  readonly claim: string;
  /** "open" while trials that it needs are missing. */
  readonly verdict: "reproduced" | "not reproduced" | "open";
  /** The numbers that decide, in words. */
  readonly because: string;
}

export interface FinishedTrial extends Trial {
  readonly result: TrialResult;
}

export interface Study {
  /** In kebab-case. */
  readonly name: string;
  /** Rises when the same keys mean other configurations. */
  readonly version: number;
  /** What it is about, in one line. */
  readonly about: string;
  readonly metric: Metric;
  /** In the order in which they run: what matters most comes first. */
  readonly trials: readonly Trial[];
  /** Judges the claims by the trials that are finished; the rule is fixed before any of them has run. */
  judge(finished: readonly FinishedTrial[]): readonly Verdict[];
  /** What a report shows between the verdicts and the list of trials: tables and charts of what there is so far. */
  sections?(finished: readonly FinishedTrial[]): readonly Section[];
}

/**
 * Makes a study of its declaration.
 *
 * @throws {ConfigurationError} when two trials have one key, there is none, or a key can't be a file's name
 */
export function defineStudy(declaration: Study): Study {
  const { name, trials } = declaration;
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new ConfigurationError(`a study can't be called ${JSON.stringify(name)}`, { want: "kebab-case" });
  if (trials.length === 0) throw new ConfigurationError(`study "${name}" has no trials`);
  const seen = new Set<string>();
  for (const { key } of trials) {
    checkEntryName(key, `study "${name}"`);
    if (seen.has(key)) throw new ConfigurationError(`study "${name}" has two trials "${key}"`, { where: key });
    seen.add(key);
  }
  return Object.freeze({ ...declaration });
}
