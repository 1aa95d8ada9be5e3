import { ArgumentError } from "@lowbit/core-tensor";
import { type JsonObject, openStorage } from "@lowbit/core-tensor/storage";
import { InterruptedError } from "@lowbit/nn";
import {
  type FoundMultiplier,
  formatSpread,
  type Metric,
  searchMultiplier,
  type Trial,
  testAccuracy,
} from "@lowbit/sweep";
import { thisCommandLine } from "./command-name.js";
import { currentCommit } from "./current-commit.js";
import type { ExperimentSource } from "./experiment.js";
import { Interrupted, watchInterrupt } from "./interrupt.js";
import { loadRegistry } from "./plugins.js";
import { note } from "./print.js";
import { readFields } from "./read-fields.js";
import { runTrial } from "./run-trial.js";
import { type Column, formatTable } from "./table.js";
import { isClassification, isTextExperiment } from "./text-experiment.js";
import { readTask } from "./training-task.js";

export interface FindWidthOptions {
  readonly precision: string;
  readonly out: string;
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly seeds: number;
  readonly backend: string;
  readonly threads?: number;
  readonly build?: string;
  readonly plugin: readonly string[];
  readonly progress: boolean;
}

export interface FoundWidthReport extends FoundMultiplier {
  readonly precision: string;
  readonly metric: string;
  readonly baselinePrecision: string;
  /** Of the packed network at the smallest multiplier, as a part of the baseline's; null where none reaches it. */
  readonly sizeRatio: number | null;
}

const bitsPerCharacter: Metric = { name: "bitsPerCharacter", label: "bits per character", digits: 3 };

/** `lowbit find-width FILE.json --precision wKaL`: how much wider that precision has to be. Ctrl-C saves; the same command goes on. */
export async function runFindWidth(file: string, options: FindWidthOptions): Promise<FoundWidthReport> {
  const { precision, out, seeds, plugin } = options;
  const storage = openStorage();
  const source: ExperimentSource = { kind: "file", file };
  const fields = (await readFields(storage, source, {}, [], () => undefined)) as JsonObject;
  const experiment = readTask(fields, source, { trainingMemory: "packed" }).experiment as {
    width?: number;
    precision?: string;
  };
  const { width = 1, precision: baselinePrecision = "fp32" } = experiment;
  const multipliers = multipliersOf(options);
  const trialOf = (multiplier: number, bits: string, seed: number): Trial => ({
    key: `${multiplier}x-${bits}-seed${seed}`,
    configuration: { ...fields, width: width * multiplier, precision: bits, seed },
  });
  readTask(trialOf(multipliers[multipliers.length - 1], precision, 1).configuration, source, {
    trainingMemory: "packed",
  });
  const isText = isTextExperiment(fields) && !isClassification(fields);
  const metric = isText ? bitsPerCharacter : testAccuracy;
  const registry = await loadRegistry(storage, plugin);
  const interrupt = watchInterrupt({ onFirst: () => note("\nstopping after this step; Ctrl-C again ends at once") });
  const { signal } = interrupt;
  const made = { command: `lowbit find-width ${file} --precision ${precision}`, commit: currentCommit() };
  try {
    const found = await searchMultiplier(
      {
        metric,
        best: isText ? "lowest" : "highest",
        baseline: (seed) => trialOf(1, baselinePrecision, seed),
        candidate: (multiplier, seed) => trialOf(multiplier, precision, seed),
        multipliers,
        seeds: Array.from({ length: seeds }, (_, i) => i + 1),
      },
      {
        ...{ storage, folder: out, signal },
        runTrial: (trial) => runTrial({ trials: [] }, trial, made, { storage, registry, signal, ...options }),
        onTrial: ({ key }) => note(`trial ${key}`),
      },
    );
    const last = found.tried.find(({ multiplier }) => multiplier === found.smallest);
    const sizeRatio = last ? last.packedBytes / found.baseline.packedBytes : null;
    return { ...found, precision, baselinePrecision, metric: metric.name, sizeRatio };
  } catch (error) {
    if (!(error instanceof InterruptedError || error instanceof Interrupted)) throw error;
    note(`stopped; go on with:\n  ${thisCommandLine()}`);
    throw new Interrupted("find-width");
  } finally {
    interrupt.release();
  }
}

/** From the first to the last, by steps, in decimals that are written as they are meant: 1, 1.25, 1.5, … */
function multipliersOf({ from, to, step }: FindWidthOptions): number[] {
  if (!(from > 0 && to >= from && step > 0 && (to - from) / step <= MOST_MULTIPLIERS)) {
    throw new ArgumentError(`there are no multipliers from ${from} to ${to} by ${step}`, {
      where: "--from, --to, --step",
      want: `numbers above 0, --to no smaller than --from, at most ${MOST_MULTIPLIERS} steps`,
    });
  }
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => Number((from + i * step).toFixed(6)));
}

const MOST_MULTIPLIERS = 1000;

type Line = FoundMultiplier["baseline"] & { readonly name: string; readonly reaches?: boolean };

export function formatFoundWidth(report: FoundWidthReport): string {
  const { smallest, precision, baseline, baselinePrecision, tried, sizeRatio, metric } = report;
  const digits = metric === bitsPerCharacter.name ? bitsPerCharacter.digits : testAccuracy.digits;
  const lines: Line[] = [
    { ...baseline, name: `1x ${baselinePrecision}` },
    ...[...tried]
      .sort((a, b) => a.multiplier - b.multiplier)
      .map((each) => ({ ...each, name: `${each.multiplier}x ${precision}` })),
  ];
  const columns: readonly Column<Line>[] = [
    { title: "network", value: ({ name }) => name },
    { title: metric, value: ({ spread }) => formatSpread(spread, digits), isNumber: true },
    { title: "packed bytes", value: ({ packedBytes }) => String(packedBytes), isNumber: true },
    { title: "reaches", value: ({ reaches }) => (reaches === undefined ? "" : reaches ? "yes" : "no") },
  ];
  const answer =
    smallest === null
      ? `no multiplier that was searched takes ${precision} to ${baselinePrecision}`
      : `${precision} reaches ${baselinePrecision} at ${smallest}x, in ${sizeRatio?.toFixed(2)} of its bytes`;
  return `${answer}\n\n${formatTable(columns, lines)}`;
}
