import { ArgumentError, ConfigurationError } from "@lowbit/core-tensor";
import { openStorage, type Storage } from "@lowbit/core-tensor/storage";
import { evaluateModel } from "@lowbit/nn";
import {
  calibrate,
  lowerModel,
  type PrecisionSearch,
  precisionOverrides,
  type RecheckedPrecision,
  type ScoredPrecision,
  searchPrecision,
} from "@lowbit/quant";
import { type Experiment, parseExperiment } from "./experiment.js";
import { openEngine } from "./open-engine.js";
import { openFullPrecision, testLoader } from "./open-full-precision.js";
import { typedScheme } from "./parse-quantizer-options.js";
import { loadRegistry } from "./plugins.js";
import { type PrecisionBudget, readPrecisionBudget } from "./precision-budget.js";
import { note } from "./print.js";
import { reportSearch } from "./report-search.js";
import { layersOf, type SensitivityChoice, sensitivityColumns, sensitivityProgress } from "./run-sensitivity.js";
import { type Column, formatTable } from "./table.js";
import { checkReportFile, writeReport } from "./write-report.js";

export interface SearchChoice extends SensitivityChoice {
  readonly budget?: string;
  readonly candidates: number;
  readonly recheck?: number;
  readonly roundingSteps: number;
  readonly limit?: number;
  readonly out?: string;
  readonly report?: string;
}

/** What `lowbit search` found. */
export interface SearchReport extends PrecisionSearch {
  readonly from: string;
  readonly model: string;
  readonly quantizer: string;
  readonly seed: number;
  readonly budget: { readonly kind: PrecisionBudget["kind"]; readonly limit: number };
  /** Of the network that was chosen, calibrated in full where candidates were rechecked, and in full precision, on the test images. */
  readonly test: {
    readonly images: number;
    readonly accuracy: number;
    readonly loss: number;
    readonly fullPrecisionAccuracy: number;
  };
  /** The experiment that was written. */
  readonly experiment: Experiment;
  readonly written: readonly string[];
}

/** `lowbit search`, from what was typed to the configuration and the front. */
export async function runSearch(
  folder: string,
  options: SearchChoice,
): Promise<{ readonly report: SearchReport; readonly text: string }> {
  const { backend, threads, build, images, seed, data, quantizer, weightBits, inputBits, outerLayers } = options;
  const { budget: typed, out, report: file } = options;
  if (typed === undefined)
    throw new ArgumentError("--budget is missing", { want: "size=30kB, cost=0.2 or bitops=200M" });
  if (weightBits.length === 0 || inputBits.length === 0) {
    throw new ArgumentError("a search needs bits to choose from", {
      want: "--weight-bits and --input-bits, such as 2,4,8",
    });
  }
  if (file !== undefined) checkReportFile(file);
  const storage = openStorage();
  await checkConfigFile(storage, out);
  const registry = await loadRegistry(storage, options.plugin);
  const { scheme, quantizerOptions } = typedScheme(registry, options);
  const opened = await openFullPrecision(storage, folder, { registry, images, seed, data });
  const { network, images: batches, calibration } = opened;
  const budget = readPrecisionBudget(typed, network.model);
  const engine = await openEngine({ backend, threads, build }, "training");
  const progress = sensitivityProgress(options);
  const rounding = { steps: options.roundingSteps, seed };
  const test = testLoader(opened, options.limit);
  try {
    await network.load(engine);
    const trained = { engine, model: network.model, images: batches };
    const found = await searchPrecision(trained, {
      ...{ registry, scheme, weightBits, inputBits, outerLayers, loader: calibration },
      ...{ cost: budget.costOf, budget: budget.limit, candidates: options.candidates },
      ...{ recheck: options.recheck ?? 0, rounding },
      onMeasured: progress.onMeasured,
      onScored: (scored) => note(`  ${scored.name} at ${budget.format(scored.cost)}: ${describeScore(scored)}`),
    }).catch((error) => Promise.reject(explainBudget(error, budget)));
    const full = await evaluateModel({ engine, model: network.model, loader: test });
    const overrides = precisionOverrides(found.best.layers);
    const lowering = { precision: "fp32", scheme, registry, overrides };
    const lowered =
      found.rechecked.length > 0
        ? await calibrate(trained, { ...lowering, learnRounding: rounding })
        : await lowerModel(trained, lowering);
    const { accuracy, loss, images: testImages } = await evaluateModel({ engine, model: lowered, loader: test });
    const experiment = mixedExperiment(network.notes.experiment, { quantizer, quantizerOptions }, found.best);
    const report = {
      ...{
        from: folder,
        model: network.model.name,
        quantizer,
        seed,
        budget: { kind: budget.kind, limit: budget.limit },
      },
      ...found,
      test: { images: testImages, accuracy, loss, fullPrecisionAccuracy: full.accuracy },
      experiment,
    };
    const written = await writeFound(storage, { out, file, budget }, { ...report, written: [] });
    return { report: { ...report, written }, text: formatSearch({ ...report, written }, budget) };
  } finally {
    progress.stop();
    await test.close();
    await engine.close();
  }
}

/** A search may take long: what it can't write is said before. */
async function checkConfigFile(storage: Storage, out: string | undefined): Promise<void> {
  if (out === undefined) return;
  const problem = !out.endsWith(".json")
    ? "is no JSON file"
    : (await storage.exists(out))
      ? "is there already"
      : undefined;
  if (problem === undefined) return;
  throw new ArgumentError(`the configuration can't be written: ${out} ${problem}`, {
    where: "--out",
    want: "a new file that ends in .json",
  });
}

function explainBudget(error: unknown, budget: PrecisionBudget): unknown {
  if (!(error instanceof ConfigurationError) || error.where !== "budget") return error;
  const least = Number(/at least ([0-9.e+-]+)/.exec(error.want ?? "")?.[1]);
  return new ArgumentError(`no choice of these bits fits ${budget.kind}=${budget.format(budget.limit)}`, {
    where: "--budget",
    want: `at least ${budget.format(least)}, or fewer bits to choose from`,
    cause: error,
  });
}

async function writeFound(
  storage: Storage,
  { out, file, budget }: { readonly out?: string; readonly file?: string; readonly budget: PrecisionBudget },
  report: SearchReport,
): Promise<string[]> {
  const written: string[] = [];
  if (out !== undefined) {
    await storage.writeAtomic(out, `${JSON.stringify(report.experiment, undefined, 2)}\n`);
    written.push(out);
  }
  if (file !== undefined) written.push(...(await writeReport(storage, file, reportSearch(report, budget))));
  return written;
}

/** The experiment that the network was trained by, at the bits that were found, each layer by its name. */
function mixedExperiment(
  trained: Experiment,
  how: Pick<Experiment, "quantizer" | "quantizerOptions">,
  { layers }: ScoredPrecision,
): Experiment {
  const overrides = precisionOverrides(layers);
  const counts = new Map<string, number>();
  for (const { precision = "fp32" } of overrides) counts.set(precision, (counts.get(precision) ?? 0) + 1);
  const [[precision]] = [...counts].sort((a, b) => b[1] - a[1]);
  return parseExperiment({ ...trained, precision, ...how, overrides }, { kind: "options" });
}

const describeScore = (scored: ScoredPrecision | RecheckedPrecision): string =>
  "calibrated" in scored ? `calibrated, loss ${scored.calibrated.loss.toFixed(4)}` : `loss ${scored.loss.toFixed(4)}`;

const recheckedColumns = (budget: PrecisionBudget, best: ScoredPrecision): Column<RecheckedPrecision>[] => [
  { title: "", value: (each) => (each === best ? "*" : "") },
  { title: "bits", value: ({ name }) => name },
  { title: budget.kind, value: ({ cost }) => budget.format(cost), isNumber: true },
  { title: "scales fitted", value: ({ loss }) => loss.toFixed(4), isNumber: true },
  { title: "calibrated", value: ({ calibrated }) => calibrated.loss.toFixed(4), isNumber: true },
  { title: "accuracy", value: ({ calibrated }) => `${calibrated.accuracy.toFixed(2)} %`, isNumber: true },
];

const columns = (budget: PrecisionBudget, best: ScoredPrecision): Column<ScoredPrecision>[] => [
  { title: "", value: (each) => (each === best ? "*" : "") },
  { title: "bits", value: ({ name }) => name },
  { title: budget.kind, value: ({ cost }) => budget.format(cost), isNumber: true },
  { title: "predicted loss", value: ({ predictedLoss }) => predictedLoss.toFixed(4), isNumber: true },
  { title: "loss", value: ({ loss }) => loss.toFixed(4), isNumber: true },
  { title: "accuracy", value: ({ accuracy }) => `${accuracy.toFixed(2)} %`, isNumber: true },
];

function formatSearch(report: SearchReport, budget: PrecisionBudget): string {
  const { model, quantizer, measured, front, isExact, scored, rechecked, best, fullPrecision, test, written } = report;
  const count = front.length.toLocaleString("en");
  const kind = isExact ? "exact" : "thinned out";
  return [
    `${model} by ${quantizer} within ${budget.kind}=${budget.format(budget.limit)}, scored on ${fullPrecision.images} training images: ${fullPrecision.accuracy.toFixed(2)} %, loss ${fullPrecision.loss.toFixed(4)} in full precision`,
    "",
    formatTable(sensitivityColumns(measured), layersOf(measured)),
    "",
    `predicted front of ${count} points (${kind}), lowered and scored with scales fitted and nothing else:`,
    formatTable(columns(budget, best), scored),
    "",
    ...(rechecked.length > 0
      ? [
          "the best of them with layers equalised, rounding learned and bias corrected as well, by loss:",
          formatTable(recheckedColumns(budget, best), rechecked),
          "",
        ]
      : []),
    ...best.layers.map(({ layer, weightBits, inputBits }) => `  ${layer}=w${weightBits}a${inputBits}`),
    `* ${rechecked.length > 0 ? "calibrated: " : ""}${test.accuracy.toFixed(2)} % of ${test.images} test images right, loss ${test.loss.toFixed(4)}; in full precision ${test.fullPrecisionAccuracy.toFixed(2)} %`,
    ...written.map((each) => `written: ${each}`),
  ].join("\n");
}
