import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseWorkload, simulate } from "@lowbit/dlac-sim";
import { summarise } from "../measure/summary.js";

interface SimulatorWork {
  readonly work: string;
  readonly network: string;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly repetitions: number;
}

const halfZeros = { wDensity: 0.5, aDensity: 0.5 };

const systolicArray = { mode: "systolic", rows: 32, columns: 32, dataflow: "ws", scalesimCompat: true };

/** Whole networks at 224², batch 1, half of all weights and activations zero. */
const works: readonly SimulatorWork[] = [
  { work: "resnet50-closed", network: "resnet50", machine: { mode: "closed" }, repetitions: 15 },
  { work: "resnet50-event-sampled", network: "resnet50", machine: { mode: "event", sampledTiles: 4 }, repetitions: 3 },
  { work: "resnet18-event-whole", network: "resnet18", machine: { mode: "event" }, repetitions: 3 },
  {
    work: "alexnet-systolic",
    network: "alexnet",
    machine: systolicArray,
    repetitions: 15,
  },
  { work: "resnet50-systolic", network: "resnet50", machine: systolicArray, repetitions: 15 },
  // SCALE-Sim's memories, request by request: 10 words a cycle, 256 kB for each input
  {
    work: "resnet18-scalesim-user",
    network: "resnet18",
    machine: { ...systolicArray, dramBitsPerCycle: 80 },
    repetitions: 1,
  },
];

export interface SimulatorRow {
  readonly work: string;
  readonly layers: number;
  readonly macs: number;
  readonly cycles: number;
  /** Of a sampled run: the largest standard error of a layer's cycles, as a share. */
  readonly samplingError?: number;
  readonly unit: "ms";
  readonly median: number;
  readonly spread: readonly [number, number];
  readonly repetitions: number;
  /** Median of the processor's time that a run took, all threads of the runtime together: waiting for other programs is not in it. */
  readonly processorMedian: number;
}

/** Reads a network that comes with the simulator; images have no zeros. */
function readNetwork(name: string) {
  const folder = dirname(createRequire(import.meta.url).resolve("@lowbit/dlac-sim/package.json"));
  const file = join(folder, "workloads", `${name}.json`);
  const { layers } = JSON.parse(readFileSync(file, "utf8")) as { layers: object[] };
  return parseWorkload({ layers: layers.map((layer, i) => (i === 0 ? layer : { ...layer, ...halfZeros })) }, name);
}

/** Times whole networks inside this process, after a first run that warms up. */
export function timeSimulator(options: {
  readonly only?: string;
  readonly progress: (text: string) => void;
}): SimulatorRow[] {
  const { only = "", progress } = options;
  return works
    .filter(({ work }) => work.includes(only))
    .map(({ work, network, machine, repetitions }) => {
      progress(work);
      const workload = readNetwork(network);
      const { total, layers } = simulate(workload, machine);
      const errors = layers.flatMap(({ samplingError }) => samplingError ?? []);
      const processor: number[] = [];
      const samples = Array.from({ length: repetitions }, () => {
        const [started, before] = [performance.now(), process.cpuUsage()];
        simulate(workload, machine);
        const { user, system } = process.cpuUsage(before);
        processor.push((user + system) / 1e3);
        return performance.now() - started;
      });
      const { median, lowerQuartile, upperQuartile } = summarise(samples);
      return {
        ...{ work, layers: layers.length, macs: total.macs, cycles: total.cycles },
        ...(errors.length > 0 && { samplingError: Math.max(...errors) }),
        ...{ unit: "ms", median, spread: [lowerQuartile, upperQuartile], repetitions },
        processorMedian: summarise(processor).median,
      };
    });
}

export function formatSimulatorTimes(rows: readonly SimulatorRow[]): string {
  return rows
    .map(({ work, layers, macs, median, spread, repetitions, samplingError, processorMedian }) => {
      const error =
        samplingError === undefined ? "" : `; error of sampling at most ${(100 * samplingError).toFixed(1)} %`;
      const [low, high] = spread.map((value) => value.toFixed(1));
      return `${work.padEnd(24)} ${median.toFixed(1).padStart(9)} ms (${low} to ${high}, ${repetitions} runs), ${processorMedian.toFixed(1)} of the processor; ${layers} layers, ${(macs / 1e6).toFixed(0)} M MACs${error}`;
    })
    .join("\n");
}
