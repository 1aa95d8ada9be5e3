import { ArgumentError } from "@lowbit/core-tensor";
import { joinPath, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { InterruptedError } from "@lowbit/nn";
import { type Metric, readStudyState, reportStudy, runStudy, type Study, type StudyState } from "@lowbit/sweep";
import { thisCommandLine } from "./command-name.js";
import { currentCommit } from "./current-commit.js";
import { Interrupted, watchInterrupt } from "./interrupt.js";
import { loadRegistry } from "./plugins.js";
import { note } from "./print.js";
import { runTrial } from "./run-trial.js";
import { findStudy } from "./studies.js";
import { type Column, formatTable } from "./table.js";
import { checkReportFile, writeReport } from "./write-report.js";

export interface StudyOptions {
  readonly out?: string;
  readonly dataFolder?: string;
  readonly only: readonly string[];
  readonly list: boolean;
  readonly report?: string;
  readonly backend: string;
  readonly threads?: number;
  readonly build?: string;
  readonly progress: boolean;
}

/** `lowbit study NAME`: runs the trials that have no result yet. Ctrl-C saves; the same command goes on. */
export async function runStudyVerb(name: string, options: StudyOptions): Promise<StudyState> {
  const study = findStudy(name);
  const { report } = options;
  const storage = openStorage();
  if (report !== undefined) checkReportFile(report);
  const state = await runOrRead(study, storage, options);
  if (report !== undefined) {
    const written = await writeReport(storage, report, reportStudy(study, state));
    note(`wrote ${written.join(", ")}`);
  }
  return state;
}

async function runOrRead(study: Study, storage: Storage, options: StudyOptions): Promise<StudyState> {
  const { out = joinPath("studies", study.name), only, list } = options;
  if ((await storage.status(out))?.kind === "file")
    throw new ArgumentError(`${JSON.stringify(out)} is a file`, { where: "--out", want: "a folder, or a new name" });
  if (list) return readStudyState(study, storage, out);
  const registry = await loadRegistry(storage);
  const interrupt = watchInterrupt({ onFirst: () => note("\nstopping after this step; Ctrl-C again ends at once") });
  const { signal } = interrupt;
  try {
    return await runStudy(study, {
      ...{ storage, folder: out, signal },
      ...(only.length > 0 && { only }),
      runTrial: (trial) => {
        const made = { command: `lowbit study ${study.name}`, commit: currentCommit() };
        return runTrial(study, trial, made, { storage, registry, signal, ...options, out });
      },
      onTrial: ({ key }, index) => note(`trial ${index + 1} of ${study.trials.length}: ${key}`),
    });
  } catch (error) {
    if (!(error instanceof InterruptedError || error instanceof Interrupted)) throw error;
    note(`stopped; go on with:\n  ${thisCommandLine()}`);
    throw new Interrupted("study");
  } finally {
    interrupt.release();
  }
}

const trialColumns = ({ name, label, digits }: Metric): readonly Column<StudyState["trials"][number]>[] => [
  { title: "trial", value: ({ key }) => key },
  { title: label, value: ({ result }) => result[name].toFixed(digits), isNumber: true },
  { title: "s", value: ({ seconds }) => seconds.toFixed(0), isNumber: true },
];

export function formatStudy({ study, about, metric, trials, missing, verdicts }: StudyState): string {
  const lines = [`${study}: ${about}`, `${trials.length} trials done, ${missing.length} missing`];
  if (trials.length > 0) lines.push("", formatTable(trialColumns(metric), trials));
  lines.push("", ...verdicts.map(({ claim, verdict, because }) => `${verdict}: ${claim}\n  ${because}`));
  return lines.join("\n");
}
