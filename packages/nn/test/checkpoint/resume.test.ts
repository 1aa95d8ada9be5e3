import { createEngine } from "@lowbit/core-tensor";
import {
  createMemoryDisk,
  type Disk,
  type DiskEvent,
  type FaultPlan,
  type MemoryDisk,
  openGeneration,
  openStorage,
  powerCuts,
  recordDisk,
} from "@lowbit/core-tensor/storage";
import { describe, expect, it } from "vitest";
import {
  type AdamOptions,
  adamW,
  cosineSchedule,
  createModel,
  InterruptedError,
  loadCheckpoint,
  plateauSchedule,
  sgd,
  type TrainingCallbacks,
  type TrainingOutcome,
  train,
} from "../../src/index.js";
import { blobLoader } from "../oracles/blobs.js";

const FOLDER = "/runs/one";

interface RunOptions {
  readonly backend?: "js" | "wasm";
  readonly threads?: number;
  readonly model?: string;
  readonly width?: number;
  readonly seed?: number;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly adam?: AdamOptions;
  readonly plateau?: boolean;
  readonly frozenBatchNormEpochs?: number;
  readonly faults?: FaultPlan;
  readonly resume?: boolean;
  readonly stopAt?: number;
  readonly everySeconds?: number;
  readonly identity?: { readonly [name: string]: string | number };
  readonly callbacks?: TrainingCallbacks;
  readonly allowBuildChange?: boolean;
  readonly float?: "f32" | "f64";
}

/** One process: its own engine, model, loaders and storage over a disk that outlives it. */
async function run(disk: Disk, options: RunOptions = {}): Promise<TrainingOutcome> {
  const { backend = "js", threads = 1, model: name = "mlp", width = 0.1, seed = 5, epochs = 2, float } = options;
  const { learningRate = 0.05, everySeconds = 0, resume = true, stopAt, faults, identity, allowBuildChange } = options;
  const engine = await createEngine({ backend, threads, float });
  const abort = new AbortController();
  try {
    const model = createModel(name, { inputShape: [1, 4, 4], classes: 3, width, seed });
    return await train({
      engine,
      model,
      loader: blobLoader({ images: 10, shape: [1, 4, 4], classes: 3, batch: 4 }),
      evaluate: blobLoader({ images: 7, shape: [1, 4, 4], classes: 3, batch: 4, seed: 2 }),
      epochs,
      frozenBatchNormEpochs: options.frozenBatchNormEpochs,
      optimiser: options.adam ? adamW(options.adam) : sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
      schedule: options.plateau
        ? plateauSchedule({ learningRate, patience: 0, threshold: 0.9 })
        : cosineSchedule({ learningRate }),
      signal: abort.signal,
      checkpoint: {
        storage: openStorage({ disk, faults: faults ?? (() => undefined) }),
        folder: FOLDER,
        everySeconds,
        identity: identity ?? { seed, data: "blobs" },
        resume,
        allowBuildChange,
      },
      callbacks: {
        ...options.callbacks,
        onStep: (report) => {
          if (report.step === stopAt) abort.abort();
          return options.callbacks?.onStep?.(report);
        },
      },
    });
  } finally {
    await engine.close();
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** All that a folder says: every byte of parts and log, and the manifest's state. The number of the generation may differ. */
async function contentOf(disk: MemoryDisk): Promise<object> {
  const generation = await openGeneration(openStorage({ disk }), FOLDER);
  if (!generation) throw new Error("no checkpoint");
  const parts: Record<string, string> = {};
  for (const name of generation.partNames) parts[name] = hex(await generation.part(name));
  const log = new TextDecoder().decode(disk.files().get(`${FOLDER}/log.jsonl`));
  return { parts, log, state: generation.state };
}

const namesIn = (disk: MemoryDisk): string[] =>
  [...disk.files().keys()].map((path) => path.replace(/generation-\d+/, "generation-N")).sort();

describe("resuming", () => {
  it.each([
    ["mlp, sgd with momentum", {}],
    ["a CNN with batch norm, AdamW", { model: "simple-cnn", adam: {} }],
    ["batch norm frozen in the last epoch", { model: "simple-cnn", frozenBatchNormEpochs: 1 }],
    ["a schedule that listens", { plateau: true }],
  ] as [string, RunOptions][])(
    "%s: stopped after any step, ends bit for bit like a run that was not",
    async (_, options) => {
      const whole = createMemoryDisk();
      const expected = await run(whole, options);
      expect(expected.start).toBe("fresh");
      for (let stopAt = 1; stopAt < 6; stopAt++) {
        const disk = createMemoryDisk();
        const error = await run(disk, { ...options, stopAt }).catch((caught) => caught);
        expect(error).toBeInstanceOf(InterruptedError);
        expect(error).toMatchObject({ code: "LOWBIT_INTERRUPTED", folder: FOLDER });
        expect((await loadCheckpoint(openStorage({ disk }), FOLDER)).progress.step).toBe(stopAt);
        expect(await run(disk, options)).toEqual({ ...expected, start: "resumed" });
        expect(await contentOf(disk)).toEqual(await contentOf(whole));
      }
    },
  );

  it.each([
    ["mid-epoch checkpoints at every step", 0],
    ["checkpoints at the ends of epochs alone", 1e9],
  ])("after a death at any storage call, also twice, with %s", async (_, everySeconds) => {
    const whole = createMemoryDisk();
    await run(whole, { everySeconds });
    const expected = await contentOf(whole);
    let deaths = 0;
    for (let n = 1, met = true; met; n++) {
      met = false;
      const dieFrom =
        (call: number): FaultPlan =>
        ({ index }) => {
          if (index >= call) met = true;
          return index >= call ? "EIO" : undefined;
        };
      const disk = createMemoryDisk();
      await run(disk, { everySeconds, faults: dieFrom(n) }).catch(() => deaths++);
      if (!met) break;
      const again = met;
      await run(disk, { everySeconds, faults: dieFrom(n) }).catch(() => undefined);
      met = again;
      await run(disk, { everySeconds });
      expect(await contentOf(disk)).toEqual(expected);
      expect(namesIn(disk)).toEqual(namesIn(whole));
    }
    expect(deaths).toBeGreaterThan(30);
  });

  it.each(["ENOSPC", "short"] as const)("after one %s at any storage call", async (fault) => {
    const whole = createMemoryDisk();
    await run(whole, { everySeconds: 1e9 });
    const expected = await contentOf(whole);
    let failures = 0;
    for (let n = 1, met = true; met; n++) {
      met = false;
      const once: FaultPlan = ({ index }) => {
        if (index !== n) return undefined;
        met = true;
        return fault;
      };
      const disk = createMemoryDisk();
      await run(disk, { everySeconds: 1e9, faults: once }).catch((error) => {
        expect(error).toMatchObject({ code: "LOWBIT_STORAGE" });
        failures++;
      });
      await run(disk, { everySeconds: 1e9 });
      expect(await contentOf(disk)).toEqual(expected);
      expect(namesIn(disk)).toEqual(namesIn(whole));
    }
    if (fault === "ENOSPC") expect(failures).toBeGreaterThan(10);
  });

  it("after a power cut at any point, with any loss of what was not synced", async () => {
    const whole = createMemoryDisk();
    await run(whole, { everySeconds: 1e9 });
    const expected = await contentOf(whole);
    const events: DiskEvent[] = [];
    await run(recordDisk(createMemoryDisk(), events), { everySeconds: 1e9 });
    const seen = new Set<string>();
    let resumed = 0;
    for (const { files } of powerCuts(events)) {
      const state = [...files].map(([path, bytes]) => `${path} ${hex(bytes)}`).join("\n");
      if (seen.has(state)) continue;
      seen.add(state);
      const disk = createMemoryDisk(files);
      const saved = (await openGeneration(openStorage({ disk }), FOLDER))?.state as { logBytes: number } | undefined;
      if ((saved?.logBytes ?? 0) > (files.get(`${FOLDER}/log.jsonl`)?.length ?? 0)) {
        // The model cuts whole files in half. Appending to a log can't lose what was synced, so this is damage: it is told.
        await expect(run(disk)).rejects.toMatchObject({ code: "LOWBIT_FILE_FORMAT" });
        continue;
      }
      await run(disk, { everySeconds: 1e9 });
      expect(await contentOf(disk)).toEqual(expected);
      resumed++;
    }
    expect(resumed).toBeGreaterThan(50);
  });

  it("says that it began at the beginning where there is no checkpoint", async () => {
    const starts: unknown[] = [];
    const callbacks: TrainingCallbacks = { onStart: (start) => void starts.push(start) };
    await run(createMemoryDisk(), { callbacks });
    expect(starts).toEqual([{ start: "fresh", epoch: 0, step: 0, totalSteps: 6 }]);
  });

  it("gives a finished run's result again, without a step and without a write", async () => {
    const disk = createMemoryDisk();
    const first = await run(disk);
    const before = disk.files();
    let steps = 0;
    const again = await run(disk, { callbacks: { onStep: () => void steps++ } });
    expect(again).toEqual({ start: "finished", result: first.result });
    expect(steps).toBe(0);
    expect(disk.files()).toEqual(before);
  });

  it.each([
    [{ seed: 6 }, /seed was 5 and is 6; model\.seed was 5 and is 6/],
    [{ identity: { seed: 5, data: "others" } }, /data was "blobs" and is "others"/],
    [{ identity: { seed: 5, data: "blobs", precision: "w2a2" } }, /precision was absent and is "w2a2"/],
    [{ model: "simple-cnn" }, /model\.name was "mlp" and is "simple-cnn"/],
    [{ width: 0.2 }, /model\.width was 0\.1 and is 0\.2/],
    [{ epochs: 3 }, /epochs was 2 and is 3/],
    [{ frozenBatchNormEpochs: 1 }, /frozenBatchNormEpochs was absent and is 1/],
    [{ learningRate: 0.1 }, /schedule\.learningRate was 0\.05 and is 0\.1/],
    [{ adam: {} }, /optimiser\.name was "sgd" and is "adamw"/],
  ] as [RunOptions, RegExp][])("refuses a run that is another: %j", async (change, message) => {
    const disk = createMemoryDisk();
    await run(disk, { stopAt: 2 }).catch(() => undefined);
    const before = disk.files();
    const error = await run(disk, change).catch((caught) => caught);
    expect(error).toMatchObject({ code: "LOWBIT_CONFIGURATION", where: FOLDER });
    expect(error.message).toMatch(message);
    expect(disk.files()).toEqual(before);
  });

  it("refuses other kernels unless that is allowed", async () => {
    const disk = createMemoryDisk();
    await run(disk, { stopAt: 2 }).catch(() => undefined);
    await expect(run(disk, { float: "f64" })).rejects.toThrow(
      /computed with backend js, build reference, this engine is backend js, build reference-f64/,
    );
    expect(await run(disk, { float: "f64", allowBuildChange: true })).toMatchObject({ start: "resumed" });
  });

  it("refuses a folder that is not empty when nobody asked to resume", async () => {
    const disk = createMemoryDisk(new Map([[`${FOLDER}/notes.txt`, new Uint8Array(1)]]));
    const error = await run(disk, { resume: false }).catch((caught) => caught);
    expect(error).toMatchObject({ code: "LOWBIT_CONFIGURATION" });
    expect(error.message).toMatch(/the folder for this run is not empty[\s\S]*resume the run in it/);
    expect(disk.files().size).toBe(1);
    expect(await run(createMemoryDisk(), { resume: false })).toMatchObject({ start: "fresh" });
  });

  it("finds a disk that refuses before the first step, and leaves nothing", async () => {
    const disk = createMemoryDisk();
    let steps = 0;
    const faults: FaultPlan = ({ name }) => (name === "write" ? "ENOSPC" : undefined);
    const error = await run(disk, { faults, callbacks: { onStep: () => void steps++ } }).catch((caught) => caught);
    expect(error).toMatchObject({ code: "LOWBIT_STORAGE" });
    expect(steps).toBe(0);
    expect(disk.files().size).toBe(0);
  });

  it("writes one line of log for every step and epoch, with nothing about time in it", async () => {
    const disk = createMemoryDisk();
    await run(disk);
    const text = new TextDecoder().decode(disk.files().get(`${FOLDER}/log.jsonl`));
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ event, step }) => [event, step])).toEqual([
      ...[1, 2, 3].map((step) => ["step", step]),
      ["epoch", 3],
      ...[4, 5, 6].map((step) => ["step", step]),
      ["epoch", 6],
    ]);
    expect(Object.keys(lines[0])).toEqual(["event", "epoch", "step", "loss", "learningRate"]);
  });
});

describe("resuming on wasm", () => {
  it("ends bit for bit the same, whatever the threads", async () => {
    const options: RunOptions = { backend: "wasm", model: "simple-cnn", width: 1 };
    const whole = createMemoryDisk();
    await run(whole, { ...options, threads: 1 });
    for (const threads of [1, 2, 3]) {
      const disk = createMemoryDisk();
      await run(disk, { ...options, threads, stopAt: 2 }).catch(() => undefined);
      await run(disk, { ...options, threads: 4 - threads });
      expect(await contentOf(disk)).toEqual(await contentOf(whole));
    }
  });
});
