import type { Report, Section } from "@lowbit/report";
import type { Study } from "./define-study.js";
import type { StudyState } from "./run-study.js";
import type { TrialRecord } from "./trial-record.js";

const unique = (values: readonly (string | number)[]): string => [...new Set(values.map(String))].sort().join(", ");

/** Who made the results, in one sentence; a study that was spread over several runs names them all. */
function describeOrigin(trials: readonly TrialRecord[], missing: readonly string[]): string {
  const made = trials.map((trial) => trial.made);
  const hours = trials.reduce((sum, { seconds }) => sum + seconds, 0) / 3600;
  const counts = `${trials.length} trials done, ${missing.length} missing`;
  if (trials.length === 0) return `${counts}.`;
  return [
    `${counts}; ${hours.toFixed(1)} hours in all.`,
    `Made by ${unique(made.map(({ command }) => command))}`,
    `at commit ${unique(made.map(({ commit }) => commit?.slice(0, 12) ?? "unknown"))},`,
    `on Node ${unique(made.map(({ node }) => node))}, ${unique(made.map(({ backend }) => backend))},`,
    `threads: ${unique(made.map(({ threads }) => threads))}. Each trial's file beside this page says its own.`,
  ].join(" ");
}

/** What all trials have in common, so that only the rest needs a column. */
function listRecipe({ trials }: Study): readonly string[] {
  const [first, ...others] = trials.map(({ configuration }) => configuration);
  const isShared = (name: string): boolean =>
    others.every((other) => JSON.stringify(other[name]) === JSON.stringify(first[name]));
  return Object.keys(first)
    .filter(isShared)
    .map((name) => `${name} ${JSON.stringify(first[name])}`);
}

/**
 * A study as a report: its claims and what the trials say of them, the study's own tables and charts, and the trials one by one.
 * Nothing in it is written by hand: it can be made anew from the records at any time.
 */
export function reportStudy(study: Study, { verdicts, trials, missing }: StudyState): Report {
  const { name, label, digits } = study.metric;
  const claims: Section = {
    heading: "Claims",
    text: ["The rules by which a claim is judged were fixed before any trial ran."],
    table: {
      columns: ["claim", "verdict", "because"],
      rows: verdicts.map(({ claim, verdict, because }) => [claim, verdict, because]),
    },
  };
  const list: Section = {
    heading: "Trials",
    text: [`The same in all: ${listRecipe(study).join(", ")}.`],
    table: {
      columns: ["trial", label, "seconds"],
      rows: trials.map(({ key, result, seconds }) => [key, result[name].toFixed(digits), seconds.toFixed(0)]),
    },
  };
  return {
    title: study.about,
    text: [describeOrigin(trials, missing)],
    sections: [claims, ...(study.sections?.(trials) ?? []), list],
  };
}
