import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createEngine, type HostTensor } from "@lowbit/core-tensor";
import { compileTrainingStep, constantSchedule, createModel, crossEntropyLoss, type Model, sgd } from "@lowbit/nn";
import { builtIns, createRegistry, prepare, type TrainingMemory } from "@lowbit/quant";
import { plugin as wrpn } from "@lowbit/wrpn";

/** What one training step of resnet20 takes, planned and in the process. */
export interface TrainingMemoryRow {
  readonly precision: string;
  readonly trainingMemory: NonNullable<TrainingMemory["trainingMemory"]>;
  /** Of one step: scratch that all values of the step share. */
  readonly scratchBytes: number;
  /** Weights, momenta, statistics and constants. */
  readonly residentBytes: number;
  /** The largest that the process ever was, less what it was before the engine was made. */
  readonly processBytes: number;
  /** CPU seconds of a step in user mode, the least of five: other work on the machine does not count. */
  readonly cpuSecondsPerStep: number;
}

const CASES = [
  ["w32a32", "fp32"],
  ["w8a8", "fp32"],
  ["w8a8", "packed"],
  ["w4a4", "packed"],
  ["w2a2", "fp32"],
  ["w2a2", "packed"],
  ["w2a2", "recomputed"],
] as const;

const BATCH = 64;
const INPUT_SHAPE = [3, 32, 32];
const STEPS = 5;

/** One row, measured in this process: it should have done nothing else before. */
export async function measureTrainingMemory(
  precision: string,
  trainingMemory: TrainingMemoryRow["trainingMemory"],
): Promise<TrainingMemoryRow> {
  const before = process.memoryUsage.rss();
  const registry = createRegistry(builtIns, wrpn);
  const plain: Model = createModel("resnet20", { inputShape: INPUT_SHAPE, classes: 10, seed: 1 });
  const model = await prepare(plain, { precision, scheme: registry.scheme("wrpn"), registry, trainingMemory });
  const engine = await createEngine({ threads: 1 });
  const step = compileTrainingStep(engine, { model, loss: crossEntropyLoss, optimiser: sgd({ momentum: 0.9 }) });
  const pixels = BATCH * INPUT_SHAPE.reduce((product, size) => product * size, 1);
  const images: HostTensor = {
    dtype: "f32",
    shape: [BATCH, ...INPUT_SHAPE],
    data: Float32Array.from({ length: pixels }, (_, i) => Math.sin(i * 0.37)),
  };
  const labels: HostTensor = {
    dtype: "i32",
    shape: [BATCH],
    data: Int32Array.from({ length: BATCH }, (_, i) => i % 10),
  };
  const learningRate = constantSchedule({ learningRate: 0.05 }).learningRate(0, STEPS);
  const seconds: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const started = process.cpuUsage();
    await step.run({ images, labels, learningRate });
    seconds.push(process.cpuUsage(started).user / 1e6);
  }
  const { scratchBytes, residentBytes } = engine.memory();
  const processBytes = process.resourceUsage().maxRSS * 1024 - before;
  await engine.close();
  return {
    precision,
    trainingMemory,
    scratchBytes,
    residentBytes,
    processBytes,
    cpuSecondsPerStep: Math.min(...seconds),
  };
}

/** All rows, each in a process of its own, so that one does not find what another has left. */
export async function compareTrainingMemory(program: string): Promise<TrainingMemoryRow[]> {
  const rows: TrainingMemoryRow[] = [];
  for (const [precision, form] of CASES) {
    const { stdout } = await promisify(execFile)(process.execPath, [
      program,
      "memory",
      "--only",
      `${precision}/${form}`,
    ]);
    rows.push(JSON.parse(stdout) as TrainingMemoryRow);
  }
  return rows;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`.padStart(10);

export function formatTrainingMemory(rows: readonly TrainingMemoryRow[]): string {
  const lines = rows.map(
    ({ precision, trainingMemory, scratchBytes, residentBytes, processBytes, cpuSecondsPerStep }) =>
      [
        precision.padEnd(8),
        trainingMemory.padEnd(12),
        megabytes(scratchBytes),
        megabytes(residentBytes),
        megabytes(processBytes),
        `${cpuSecondsPerStep.toFixed(3)} s`.padStart(10),
      ].join("  "),
  );
  const title =
    "precision  maps kept     scratch    resident     process  CPU a step   (resnet20, 3 × 32 × 32, batch 64, one thread)";
  return [title, ...lines].join("\n");
}
