import { ArgumentError } from "@lowbit/core-tensor";
import { joinPath, openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { InterruptedError } from "@lowbit/nn";
import type { Registry } from "@lowbit/quant";
import {
  type Provenance,
  readStudyState,
  reportStudy,
  runStudy,
  type Study,
  type StudyState,
  type Trial,
  type TrialResult,
} from "@lowbit/sweep";
import { thisCommandLine } from "./command-name.js";
import { currentCommit } from "./current-commit.js";
import { parseExperiment } from "./experiment.js";
import { Interrupted, watchInterrupt } from "./interrupt.js";
import { openEngine } from "./open-engine.js";
import { loadRegistry } from "./plugins.js";
import { note, warn } from "./print.js";
import { findStudy } from "./studies.js";
import { type Column, formatTable } from "./table.js";
import { prepareExperiment, trainNetwork } from "./train-network.js";
import { trainingReporter } from "./training-reporter.js";
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
        return runTrial(trial, joinPath(joinPath(out, "unfinished"), trial.key), made, {
          storage,
          registry,
          signal,
          ...options,
        });
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

interface Stage extends StudyOptions {
  readonly storage: Storage;
  readonly registry: Registry;
  readonly signal: AbortSignal;
}

/** Trains one network as `lowbit train` does, in a folder from which a stopped trial goes on and which is gone in the end. */
async function runTrial(
  { key, configuration }: Trial,
  folder: string,
  made: Pick<Provenance, "command" | "commit">,
  stage: Stage,
): Promise<{ result: TrialResult; made: Provenance }> {
  const { storage, registry, signal, dataFolder, progress: show } = stage;
  const data = dataFolder === undefined ? configuration.data : `${configuration.data}:${dataFolder}`;
  const source = { kind: "options" } as const;
  const experiment = parseExperiment({ ...configuration, data }, source);
  const prepared = await prepareExperiment(experiment, { source, registry, warn });
  const engine = await openEngine({ backend: stage.backend, threads: stage.threads, build: stage.build }, "training"); // its own: it keeps what it has computed with
  const reporter = trainingReporter({ label: key, epochs: experiment.epochs, show, engine });
  try {
    const run = { engine, storage, out: folder, resume: true, allowBuildChange: false, signal };
    const { network } = await trainNetwork(prepared, { ...run, callbacks: reporter.callbacks });
    await removeFiles(storage, folder);
    const { accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes } = network;
    const { name, build, threads } = engine.backend;
    return {
      result: { accuracy, loss, trainAccuracy, trainLoss, steps, latentBytes, packedBytes },
      made: { ...made, node: process.versions.node, backend: `${name} ${build}`, threads },
    };
  } finally {
    reporter.stop();
    await engine.close();
  }
}

async function removeFiles(storage: Storage, folder: string): Promise<void> {
  for (const { name } of await storage.list(folder)) await storage.remove(joinPath(folder, name));
  await storage.removeFolder(folder);
}

const trialColumns: readonly Column<StudyState["trials"][number]>[] = [
  { title: "trial", value: ({ key }) => key },
  { title: "accuracy", value: ({ result }) => `${result.accuracy.toFixed(2)} %`, isNumber: true },
  { title: "s", value: ({ seconds }) => seconds.toFixed(0), isNumber: true },
];

export function formatStudy({ study, about, trials, missing, verdicts }: StudyState): string {
  const lines = [`${study}: ${about}`, `${trials.length} trials done, ${missing.length} missing`];
  if (trials.length > 0) lines.push("", formatTable(trialColumns, trials));
  lines.push("", ...verdicts.map(({ claim, verdict, because }) => `${verdict}: ${claim}\n  ${because}`));
  return lines.join("\n");
}
