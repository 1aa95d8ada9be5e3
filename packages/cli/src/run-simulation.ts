import { ArgumentError } from "@lowbit/core-tensor";
import { joinPath, openStorage, parseJson } from "@lowbit/core-tensor/storage";
import {
  type Configuration,
  type LayerReport,
  parseConfiguration,
  parseReport,
  parseTechnology,
  parseTopology,
  parseWorkload,
  readScalesimCfg,
  reportCsv,
  type SimulationMode,
  type SimulationReport,
  scalesimReports,
  simulate,
  type Technology,
  type TopologyKind,
  technologyNames,
  technologyTable,
  type Workload,
} from "@lowbit/dlac-sim";
import { type CheckpointWorkload, checkpointWorkload } from "./checkpoint-workload.js";
import { modelWorkload } from "./model-workload.js";
import { warn } from "./print.js";
import { reportSimulation } from "./report-simulation.js";
import { type Column, formatTable } from "./table.js";
import { checkReportFile, writeReport } from "./write-report.js";

export interface SimulationOptions {
  readonly workload?: string;
  readonly model?: string;
  readonly checkpoint?: string;
  readonly images?: number;
  readonly data?: string;
  readonly config?: string;
  readonly mode?: SimulationMode;
  readonly workloadKind: TopologyKind;
  readonly scalesimCompat: boolean;
  readonly precision: string;
  readonly width: number;
  readonly input?: string;
  readonly wDensity: number;
  readonly aDensity: number;
  readonly technology: string;
  readonly scalesimReports?: string;
  readonly report?: string;
  readonly saveWorkload?: string;
}

/** `lowbit simulate`, from what was typed to the report, and the files that were asked for beside it. */
export async function runSimulation(
  options: SimulationOptions,
): Promise<{ readonly report: SimulationReport; readonly written: readonly string[] }> {
  const { report: file, scalesimReports: folder, saveWorkload } = options;
  if (file !== undefined && !/\.(csv|json)$/.test(file)) checkReportFile(file);
  const configuration = await readConfiguration(options);
  const { workload, values } = await readWorkload(options, configuration.mode);
  const report = simulate(workload, configuration, { technology: await readTechnology(options.technology), values });
  if (folder !== undefined) await writeScalesimReports(folder, workload, configuration);
  const written = file === undefined ? [] : await writeFiles(file, report);
  if (saveWorkload === undefined) return { report, written };
  const { layers } = workload;
  await openStorage().writeAtomic(saveWorkload, `${JSON.stringify({ layers }, undefined, 2)}\n`);
  return { report, written: [...written, saveWorkload] };
}

/** `lowbit simulate read FILE.json`: a report that was written as JSON, checked, to be shown again or written in another form. */
export async function readSimulation(
  file: string,
  { report: other }: { readonly report?: string },
): Promise<{ readonly report: SimulationReport; readonly written: readonly string[] }> {
  if (other !== undefined && !/\.(csv|json)$/.test(other)) checkReportFile(other);
  const report = parseReport(parseJson(await readText(file, "simulate read"), { file }), file);
  return { report, written: other === undefined ? [] : await writeFiles(other, report) };
}

async function writeFiles(file: string, report: SimulationReport): Promise<readonly string[]> {
  const storage = openStorage();
  if (!/\.(csv|json)$/.test(file)) return writeReport(storage, file, reportSimulation(report));
  await storage.writeAtomic(
    file,
    file.endsWith(".csv") ? reportCsv(report) : `${JSON.stringify(report, undefined, 2)}\n`,
  );
  return [file];
}

async function writeScalesimReports(folder: string, workload: Workload, configuration: Configuration): Promise<void> {
  if (configuration.mode !== "systolic") {
    throw new ArgumentError(`SCALE-Sim has no reports of a machine in ${configuration.mode} mode`, {
      where: "--scalesim-reports",
      want: "a systolic array",
    });
  }
  const storage = openStorage();
  await storage.makeFolder(folder);
  for (const [name, text] of scalesimReports(workload, configuration)) {
    await storage.writeAtomic(joinPath(folder, name), text);
  }
}

const isCfg = (file: string): boolean => /\.cfg$/i.test(file);

export async function readConfiguration({ config, mode, scalesimCompat }: SimulationOptions): Promise<Configuration> {
  if (config === undefined) {
    throw new ArgumentError("simulate needs a machine", {
      where: "--config",
      want: "--config FILE: a machine as JSON, or a configuration file of SCALE-Sim (.cfg)",
    });
  }
  if (isCfg(config)) {
    if (mode !== undefined && mode !== "systolic") {
      throw new ArgumentError(`${config} describes a systolic array, not ${mode}`, {
        where: "--mode",
        want: "systolic, or a machine as JSON",
      });
    }
    const { configuration, warnings } = readScalesimCfg(await readText(config, "--config"), config);
    for (const each of warnings) warn(each);
    return { ...configuration, ...(scalesimCompat && { scalesimCompat }) };
  }
  const fields = parseJson(await readText(config, "--config"), { file: config });
  const isObject = fields !== null && typeof fields === "object" && !Array.isArray(fields);
  const configuration = parseConfiguration(isObject && mode !== undefined ? { ...fields, mode } : fields, config);
  if (!scalesimCompat) return configuration;
  if (configuration.mode === "systolic") return { ...configuration, scalesimCompat };
  throw new ArgumentError(`a machine in ${configuration.mode} mode can't count as SCALE-Sim does`, {
    where: "--scalesim-compat",
    want: "a systolic array",
  });
}

const IMAGES_OF_DENSITIES = 32;
const IMAGES_OF_EVENTS = 1;

/** The network, and in event mode a checkpoint's zeros where they are. */
export async function readWorkload(options: SimulationOptions, mode: SimulationMode): Promise<CheckpointWorkload> {
  const { workload, model, checkpoint, workloadKind } = options;
  if ([workload, model, checkpoint].filter((each) => each !== undefined).length !== 1) {
    throw new ArgumentError("simulate needs a network", {
      want: "--workload FILE, --model NAME or --checkpoint FOLDER, one of them",
    });
  }
  if (checkpoint !== undefined) {
    const withPlaces = mode === "event";
    const { images = withPlaces ? IMAGES_OF_EVENTS : IMAGES_OF_DENSITIES, data } = options;
    return checkpointWorkload(checkpoint, { images, data, withPlaces });
  }
  if (model !== undefined) {
    const { precision, width, input, wDensity, aDensity } = options;
    for (const [option, value] of [
      ["--w-density", wDensity],
      ["--a-density", aDensity],
    ] as const) {
      if (value >= 0 && value <= 1) continue;
      throw new ArgumentError(`a density can't be ${value}`, {
        where: option,
        want: "a number from 0 to 1",
        got: value,
      });
    }
    return { workload: modelWorkload({ model, width, input }, precision, { wDensity, aDensity }) };
  }
  const file = workload as string;
  const text = await readText(file, "--workload");
  if (/\.csv$/i.test(file)) return { workload: parseTopology(text, workloadKind, file) };
  return { workload: parseWorkload(parseJson(text, { file }), file) };
}

export async function readTechnology(name: string): Promise<Technology> {
  const known = technologyNames.find((each) => each === name);
  if (known !== undefined) return technologyTable(known);
  return parseTechnology(parseJson(await readText(name, "--technology"), { file: name }), name);
}

const MOST_BYTES = 16 * 2 ** 20;

async function readText(file: string, option: string): Promise<string> {
  const storage = openStorage();
  if ((await storage.status(file))?.kind !== "file") {
    throw new ArgumentError(`there is no file ${JSON.stringify(file)}`, { where: option, want: "an existing file" });
  }
  return new TextDecoder().decode(await storage.read(file, { limit: MOST_BYTES }));
}

const count = (value: number): string => value.toLocaleString("en");
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const microjoule = (picojoule: number): string => (picojoule / 1e6).toFixed(2);

const columns: readonly Column<LayerReport>[] = [
  { title: "layer", value: ({ name }) => name },
  { title: "w/a bits", value: ({ wBits, aBits }) => `${wBits}/${aBits}`, isNumber: true },
  { title: "MACs", value: ({ macs }) => count(macs), isNumber: true },
  { title: "executed", value: ({ macs, executedMacs }) => percent(executedMacs / macs), isNumber: true },
  { title: "cycles", value: ({ cycles }) => count(cycles), isNumber: true },
  { title: "used", value: ({ utilisation }) => percent(utilisation), isNumber: true },
  { title: "dense MACs/cycle", value: ({ denseMacsPerCycle }) => denseMacsPerCycle.toFixed(1), isNumber: true },
  { title: "executed", value: ({ executedMacsPerCycle }) => executedMacsPerCycle.toFixed(1), isNumber: true },
  { title: "µJ", value: ({ energyPJ }) => microjoule(energyPJ), isNumber: true },
];

export function formatSimulation({
  workload,
  mode,
  layers,
  total,
  throughput,
  area,
  technology,
  assumptions,
}: SimulationReport): string {
  const { cyclesBy, energyByPJ } = total;
  const parts = Object.entries(cyclesBy).map(([name, cycles]) => `${name} ${count(cycles)}`);
  const energies = Object.entries(energyByPJ).map(([name, energy]) => `${name} ${microjoule(energy)}`);
  const assumed = technology.rows.filter(({ status }) => status === "assumed").map(({ row }) => row);
  return [
    `${workload} on a simulated machine, mode ${mode}`,
    "",
    formatTable(columns, layers),
    "",
    `cycles       ${count(total.cycles)}: ${parts.join(", ")}`,
    `MACs         ${count(total.macs)}, ${count(total.executedMacs)} executed; ${percent(total.utilisation)} of what the units could do`,
    `latency      ${throughput.latencyMs.toPrecision(4)} ms, ${throughput.framesPerSecond.toPrecision(4)} frames a second`,
    `throughput   ${throughput.denseEquivalentTOPS.toPrecision(3)} TOPS dense-equivalent, ${throughput.executedTOPS.toPrecision(3)} executed`,
    `per mm²      ${throughput.denseEquivalentTOPSPerMM2.toPrecision(3)} TOPS dense-equivalent, ${throughput.executedTOPSPerMM2.toPrecision(3)} executed, on a core of ${area.coreMM2.toPrecision(3)} mm²`,
    `energy       ${microjoule(total.energyPJ)} µJ: ${energies.join(", ")}`,
    `technology   ${technology.name} at ${technology.nodeNm} nm${assumed.length > 0 ? `; assumed rows: ${assumed.join(", ")}` : ""}`,
    ...assumptions.map((each) => `assumed      ${each}`),
  ].join("\n");
}
