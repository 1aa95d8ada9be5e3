import { type Configuration, parseConfiguration } from "./config/config.js";
import { peKinds } from "./config/pe-kind.js";
import { cyclesOf, type Figures, type LayerReport, type LayerRun, type Traffic, withTotal } from "./layer-report.js";
import { runBitFusion } from "./modes/bit-fusion.js";
import { runClosed } from "./modes/closed.js";
import { runEvent } from "./modes/event.js";
import type { LayerValues } from "./modes/layer-values.js";
import { runSystolic } from "./modes/systolic.js";
import { type Area, areaOf, energyOf } from "./price.js";
import { technologyTable } from "./technology/tables.js";
import { costsAt, type Technology, type TechnologyRow } from "./technology/technology.js";
import type { Layer } from "./workload/layer.js";
import type { Workload } from "./workload/read-workload.js";

export const REPORT_FORMAT = "lowbit-simulation";
export const REPORT_VERSION = 1;

/** Rates of the whole run at the machine's clock. Two operations (multiply, add) for each multiply-accumulate. */
export interface Throughput {
  readonly latencyMs: number;
  /** Items of the batch ÷ latency. */
  readonly framesPerSecond: number;
  /** Of all multiply-accumulates of the layers, and of those that were carried out. */
  readonly denseEquivalentTOPS: number;
  readonly executedTOPS: number;
  /** The same for each square millimetre of the core. */
  readonly denseEquivalentTOPSPerMM2: number;
  readonly executedTOPSPerMM2: number;
}

export interface SimulationReport {
  readonly format: typeof REPORT_FORMAT;
  readonly version: typeof REPORT_VERSION;
  readonly workload: string;
  readonly mode: Configuration["mode"];
  readonly configuration: Configuration;
  readonly layers: readonly LayerReport[];
  /** The same fields over all layers, one after the other. */
  readonly total: Figures;
  readonly throughput: Throughput;
  readonly area: Area;
  readonly technology: {
    readonly name: string;
    readonly nodeNm: number;
    /** The rows that energies and areas here rest on, each with its status. */
    readonly rows: readonly TechnologyRow[];
  };
  /** What is assumed and not measured, in words. */
  readonly assumptions: readonly string[];
}

export interface SimulateOptions {
  /** "nominal" where absent. */
  readonly technology?: Technology;
  /** Values of layers by name, for the event model: zeros are then theirs and not drawn. */
  readonly values?: ReadonlyMap<string, LayerValues>;
}

/**
 * What a workload costs on a machine, layer by layer, by the model that the machine's mode names. A pure function: the same workload,
 * configuration and table give the same report.
 *
 * @param configuration  a parsed one, or its fields
 * @returns cycles by cause, utilisation, energy and traffic for each layer and in total; throughput; area
 * @throws {SimulatorError} names the field, or the layer that the machine can't run
 * @example const { total } = simulate(parseWorkload(fields), { mode: "closed" });
 */
export function simulate(
  workload: Workload,
  configuration: Configuration | Readonly<Record<string, unknown>>,
  { technology = technologyTable("nominal"), values }: SimulateOptions = {},
): SimulationReport {
  const machine = parseConfiguration(configuration);
  const costs = costsAt(technology, machine.nodeNm);
  const known = new Map<string, LayerRun>();
  const runs = workload.layers.map((layer, index) => {
    if (machine.mode === "event") return { layer, run: runLayer(layer, machine, index, values) }; // its name decides what is drawn
    const key = JSON.stringify({ ...layer, name: "", isFirst: index === 0 }); // bit fusion may treat the first one otherwise
    const run = known.get(key) ?? runLayer(layer, machine, index, values);
    known.set(key, run);
    return { layer, run };
  });
  const layers = runs.map(({ layer, run }) => {
    const bits = bitsOf(layer, machine);
    const energy = energyOf(run, machine, Math.max(bits.wBits, bits.aBits), costs);
    const figures = figuresOf([{ run, energy }], machine);
    const { name, wDensity, aDensity } = layer;
    const { samplingError } = run;
    return {
      name,
      ...bits,
      wDensity,
      aDensity,
      ...figures,
      ...(samplingError !== undefined && { samplingError }),
      energy,
      run,
    };
  });
  const total = figuresOf(layers, machine);
  const area = areaOf(machine, costs);
  return {
    format: REPORT_FORMAT,
    version: REPORT_VERSION,
    workload: workload.name,
    mode: machine.mode,
    configuration: machine,
    layers: layers.map(({ energy: _, run: __, ...layer }) => layer),
    total,
    throughput: throughputOf(total, workload, machine, area),
    area,
    technology: { name: technology.name, nodeNm: machine.nodeNm, rows: costs.rows() },
    assumptions: assumptionsOf(machine, zerosOf(workload, machine, values)),
  };
}

function runLayer(
  layer: Layer,
  machine: Configuration,
  index: number,
  values: ReadonlyMap<string, LayerValues> | undefined,
): LayerRun {
  switch (machine.mode) {
    case "systolic":
      return runSystolic(layer, machine);
    case "bit-fusion":
      return runBitFusion(layer, machine, index);
    case "closed":
      return runClosed(layer, machine);
    case "event": {
      const own = values?.get(layer.name);
      return runEvent(layer, machine, own && { values: own });
    }
  }
}

function bitsOf({ wBits, aBits }: Layer, machine: Configuration): { wBits: number; aBits: number } {
  const kind =
    machine.mode === "bit-fusion" ? { wBits: machine.mostBits, aBits: machine.mostBits } : peKinds[machine.pe];
  return { wBits: wBits ?? kind.wBits, aBits: aBits ?? kind.aBits };
}

interface PricedRun {
  readonly run: LayerRun;
  readonly energy: Figures["energyByPJ"];
}

/** The figures of runs one after the other. */
function figuresOf(runs: readonly PricedRun[], machine: Configuration): Figures {
  const sum = (pick: (run: PricedRun) => number): number => runs.reduce((total, run) => total + pick(run), 0);
  const traffic = (level: "sram" | "dram"): Traffic =>
    withTotal({
      inputBits: sum(({ run }) => run[level].inputBits),
      weightBits: sum(({ run }) => run[level].weightBits),
      outputBits: sum(({ run }) => run[level].outputBits),
    });
  const cycle = (name: keyof LayerRun["cyclesBy"]): number => sum(({ run }) => run.cyclesBy[name]);
  const cyclesBy = {
    compute: cycle("compute"),
    fill: cycle("fill"),
    drain: cycle("drain"),
    imbalance: cycle("imbalance"),
    bandwidth: cycle("bandwidth"),
    synchronisation: cycle("synchronisation"),
  };
  const cycles = cyclesOf(cyclesBy);
  const macs = sum(({ run }) => run.macs);
  const executedMacs = sum(({ run }) => run.executedMacs);
  const could = (spent: (run: LayerRun) => number): number => sum(({ run }) => spent(run) * run.peakMacsPerCycle);
  const energyByPJ = {
    operations: sum(({ energy }) => energy.operations),
    sram: sum(({ energy }) => energy.sram),
    dram: sum(({ energy }) => energy.dram),
  };
  const busy = ({ cyclesBy: by }: LayerRun): number => by.compute + by.imbalance + by.synchronisation;
  return {
    ...{ macs, executedMacs, skippedMacs: macs - executedMacs, cycles, cyclesBy },
    utilisation: used(
      executedMacs,
      could(({ cyclesBy: by }) => cyclesOf(by)),
    ),
    mappingUtilisation: share(
      macs,
      sum(({ run }) => run.macs / run.mappingUtilisation),
    ),
    busyUtilisation: used(executedMacs, could(busy)),
    denseMacsPerCycle: share(macs, cycles),
    executedMacsPerCycle: share(executedMacs, cycles),
    energyPJ: energyByPJ.operations + energyByPJ.sram + energyByPJ.dram,
    energyByPJ,
    sram: traffic("sram"),
    dram: traffic("dram"),
    ...(machine.mode === "systolic" && {
      overallUtilisation: 100 * share(macs, cycles * machine.rows * machine.columns),
    }),
  };
}

/** Nothing of nothing is nothing: a layer of zeros takes no cycle. */
const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** The same, at most 1: SCALE-Sim's missing cycle would make it more on an array of one unit. */
const used = (part: number, whole: number): number => Math.min(1, share(part, whole));

function throughputOf(total: Figures, workload: Workload, machine: Configuration, area: Area): Throughput {
  const seconds = total.cycles / (machine.frequencyMHz * 1e6);
  const frames = Math.max(...workload.layers.map(({ batch }) => batch));
  const tops = (macs: number): number => share(2 * macs, seconds) / 1e12;
  const [dense, executed] = [tops(total.macs), tops(total.executedMacs)];
  return {
    latencyMs: seconds * 1e3,
    framesPerSecond: share(frames, seconds),
    denseEquivalentTOPS: dense,
    executedTOPS: executed,
    denseEquivalentTOPSPerMM2: dense / area.coreMM2,
    executedTOPSPerMM2: executed / area.coreMM2,
  };
}

/** Where the zeros of a grid are taken from; nothing skips them on other machines. */
function zerosOf(workload: Workload, machine: Configuration, values: SimulateOptions["values"]): string[] {
  if (machine.mode === "closed") return ["zeros are taken to fall independently of each other"];
  if (machine.mode !== "event") return [];
  const given = workload.layers.filter(({ name }) => values?.has(name)).length;
  if (given === workload.layers.length) return ["zeros are those of the values that were given"];
  const drawn = "zeros are drawn independently of each other, at the layers' densities";
  return [given === 0 ? drawn : `${drawn}; of ${given} layers they are those of the values that were given`];
}

function assumptionsOf(machine: Configuration, zeros: readonly string[]): string[] {
  const always = "energy counts operations and moved bits; leakage, clock tree and control are not in it";
  if (machine.mode === "systolic" || machine.mode === "bit-fusion") {
    return [always, "area counts arithmetic and buffers; control is not in it"];
  }
  return [
    always,
    "dLAC's grid, buffers, lanes, look-ahead, node and clock are not public: those here are assumptions, not dLAC's own figures",
    `${machine.otherAreaUM2PerLane} µm² of control for each lane is fitted to the paper's headline, not measured`,
    ...zeros,
  ];
}
