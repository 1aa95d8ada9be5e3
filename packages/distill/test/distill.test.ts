import { createEngine, type Engine } from "@lowbit/core-tensor";
import { createMemoryDisk, type MemoryDisk, openGeneration, openStorage } from "@lowbit/core-tensor/storage";
import {
  type Batch,
  constantSchedule,
  cosineSchedule,
  createModel,
  evaluateModel,
  InterruptedError,
  loadCheckpoint,
  type Model,
  rebuildModel,
  sgd,
  train,
} from "@lowbit/nn";
import { builtIns, createRegistry, prepare, uniform } from "@lowbit/quant";
import { describe, expect, it } from "vitest";
import {
  type ApprenticeLossOptions,
  type DistillationOutcome,
  type DistillationScheme,
  type DistillOptions,
  distill,
  frozenTeacher,
  identifyNetwork,
} from "../src/index.js";
import { CLASSES, IMAGES, numberedBlobs, SHAPE } from "./oracles/numbered-blobs.js";

const OUT = "/runs/student";
const registry = createRegistry(builtIns);

interface RunOptions {
  readonly scheme?: DistillationScheme;
  /** "model": trained here; "frozen": fresh weights of that seed, taken as trained; several: averaged. */
  readonly teacher?: "model" | "none" | readonly number[];
  readonly augmented?: boolean;
  /** false: the teacher is asked live. */
  readonly cache?: boolean;
  readonly stopAt?: number;
  readonly seed?: number;
  readonly epochs?: number;
  readonly out?: string;
  readonly resume?: boolean;
  readonly backend?: "js" | "wasm";
  readonly loss?: ApprenticeLossOptions;
  readonly hints?: DistillOptions["hints"];
  readonly warnings?: string[];
  /** Stops the run when it first asks the teacher. */
  readonly stopAtTeacher?: boolean;
}

const modelOf = (name: string, seed: number, width = 0.25): Model =>
  createModel(name, { inputShape: SHAPE, classes: CLASSES, width, seed });

async function teacherOf(engine: Engine, kind: RunOptions["teacher"]): Promise<DistillOptions["teacher"]> {
  if (kind === "none") return { kind };
  if (kind === "model" || kind === undefined) {
    const schedule = constantSchedule({ learningRate: 0.05 });
    return { kind: "model", model: modelOf("simple-cnn", 9), epochs: 2, schedule };
  }
  const networks = kind.map(async (seed) => {
    const model = modelOf("simple-cnn", seed);
    return { model, identity: await identifyNetwork(engine, model) };
  });
  return { kind: "frozen", teacher: frozenTeacher(await Promise.all(networks)) };
}

/** One process: its own engine, models, loaders and storage over a disk that outlives it. */
async function run(disk: MemoryDisk, options: RunOptions = {}): Promise<DistillationOutcome> {
  const { scheme = "b", augmented = false, cache = true, stopAt, seed = 5, epochs = 2, resume = true } = options;
  const { out = OUT, backend = "js", loss, hints, warnings } = options;
  const engine = await createEngine({ backend, threads: 1 });
  const abort = new AbortController();
  let steps = 0;
  try {
    const student = modelOf("resnet8", seed);
    return await distill({
      ...{
        scheme,
        engine,
        storage: openStorage({ disk }),
        folder: out,
        resume,
        everySeconds: 0,
        epochs,
        student,
        loss,
        hints,
      },
      teacher: await teacherOf(engine, options.teacher),
      lower: (model, read) => prepare(model, { precision: "w2a4", scheme: uniform, registry, read }),
      loader: numberedBlobs({ augmented }),
      evaluate: numberedBlobs({ seed: 2 }),
      optimiser: sgd({ momentum: 0.9 }),
      schedule: cosineSchedule({ learningRate: scheme === "c" ? 0.01 : 0.05 }),
      ...(scheme === "c" && { fullPrecision: { epochs: 2, schedule: cosineSchedule({ learningRate: 0.05 }) } }),
      ...(cache && {
        cache: {
          folder: "/cache",
          key: { data: "blobs", augmented },
          images: IMAGES,
          classes: CLASSES,
          perEpoch: augmented,
        },
      }),
      signal: abort.signal,
      callbacks: {
        onStep: () => {
          if (++steps === stopAt) abort.abort();
        },
        onTeacher: () => {
          if (options.stopAtTeacher) abort.abort();
        },
        onWarning: (message) => warnings?.push(message),
      },
    });
  } finally {
    await engine.close();
  }
}

/** Every byte of every stage's parts and log, and what the manifests say. */
async function contentOf(disk: MemoryDisk, folder = OUT): Promise<object> {
  const content: Record<string, unknown> = {};
  for (const path of [...disk.files().keys()].filter((path) => path.startsWith(folder))) {
    if (path.endsWith("log.jsonl")) content[path] = new TextDecoder().decode(disk.files().get(path));
    if (!path.endsWith("manifest.json")) continue;
    const stage = path.slice(0, -"/manifest.json".length);
    const generation = await openGeneration(openStorage({ disk }), stage);
    if (!generation) throw new Error("no checkpoint");
    content[path] = generation.state;
    for (const name of generation.partNames)
      content[`${stage} ${name}`] = Buffer.from(await generation.part(name)).toString("hex");
  }
  return content;
}

const withoutTime = ({ model: _, teacherSeconds: __, cache: ___, start: ____, ...rest }: DistillationOutcome) => rest;

describe.each([
  ["a", 6, 1],
  ["b", 12, 2],
  ["c", 18, 3],
] as const)("scheme %s", (scheme, steps, stages) => {
  it("stopped after any step of any stage, ends bit for bit like a run that was not", async () => {
    const whole = createMemoryDisk();
    const expected = await run(whole, { scheme, augmented: true });
    expect(Object.keys(await contentOf(whole)).filter((path) => path.endsWith("manifest.json"))).toHaveLength(stages);
    for (let stopAt = 1; stopAt < steps; stopAt++) {
      const disk = createMemoryDisk();
      const stopped = await run(disk, { scheme, augmented: true, stopAt }).catch((error) => error);
      // Between two stages there is nothing to save: the signal's own reason comes out.
      expect(stopped instanceof InterruptedError || stopped.name === "AbortError").toBe(true);
      const resumed = await run(disk, { scheme, augmented: true });
      expect(withoutTime(resumed)).toEqual(withoutTime(expected));
      expect(await contentOf(disk)).toEqual(await contentOf(whole));
    }
    const again = await run(whole, { scheme, augmented: true });
    expect(again.start).toBe("finished");
    expect(withoutTime(again)).toEqual(withoutTime(expected));
  });

  it("leaves an ordinary checkpoint of the student alone, whose accuracy is the one that was told", async () => {
    const disk = createMemoryDisk();
    const { result } = await run(disk, { scheme });
    const checkpoint = await loadCheckpoint(openStorage({ disk }), OUT);
    expect(checkpoint.finished).toBe(true);
    const plain = rebuildModel(checkpoint.run.model, OUT);
    const engine = await createEngine({ backend: "js" });
    await checkpoint.restore(engine, plain); // refuses tensors that are not the student's
    const lowered = await prepare(plain, {
      ...{ precision: "w2a4", scheme: uniform, registry },
      // A static grid's constant is of the weights that were lowered; uniform takes its scale from the weights as they are.
    });
    const found = await evaluateModel({ engine, model: lowered, loader: numberedBlobs({ seed: 2 }) });
    await engine.close();
    expect(found).toMatchObject({ accuracy: result.evaluation?.accuracy, loss: result.evaluation?.loss });
  });

  it("tells three terms, whose weighted sum is the loss", async () => {
    const loss = { alpha: 0.25, beta: 2, gamma: 3, temperature: 2 };
    const { result, teacher } = await run(createMemoryDisk(), { scheme, loss });
    const { teacher: own, apprentice, distillation } = result.terms ?? {};
    expect(result.loss).toBeCloseTo(0.25 * own + 2 * apprentice + 3 * distillation, 4);
    expect(teacher?.images).toBe(IMAGES);
  });
});

describe("the teacher's logits", () => {
  it.each([
    ["with random augmentation, a file for each epoch", true, 2],
    ["without, one file for all", false, 1],
  ])("%s: missed, then hit, and the same as live", async (_, augmented, files) => {
    const disk = createMemoryDisk();
    const options = { teacher: [3], augmented };
    const missed = await run(disk, options);
    const hit = await run(disk, { ...options, out: "/runs/other" });
    const live = await run(createMemoryDisk(), { ...options, cache: false });
    expect([missed.cache, hit.cache, live.cache]).toEqual(["miss", "hit", "live"]);
    expect(hit.teacherSeconds).toBe(0);
    expect(missed.teacherSeconds).toBeGreaterThan(0);
    expect([...disk.files().keys()].filter((path) => path.startsWith("/cache/"))).toHaveLength(files);
    for (const other of [hit, live]) expect(withoutTime(other)).toEqual(withoutTime(missed));
  });

  it("are the same from the cache and live on wasm", async () => {
    const options = { teacher: [3], backend: "wasm" } as const;
    const cached = await run(createMemoryDisk(), options);
    const live = await run(createMemoryDisk(), { ...options, cache: false });
    expect(withoutTime(live)).toEqual(withoutTime(cached));
  });

  it("are computed again for another teacher, other data, and a damaged file", async () => {
    const disk = createMemoryDisk();
    const fresh = (options: RunOptions, n: number) => run(disk, { teacher: [3], ...options, out: `/runs/${n}` });
    expect((await fresh({}, 1)).cache).toBe("miss");
    expect((await fresh({ teacher: [4] }, 2)).cache).toBe("miss");
    expect((await fresh({ augmented: true }, 3)).cache).toBe("miss");
    expect((await fresh({}, 4)).cache).toBe("hit");
    const warnings: string[] = [];
    const [path] = [...disk.files().keys()].filter((each) => each.startsWith("/cache/"));
    for (const [i, spoil] of [
      (bytes: Uint8Array) => bytes.fill(bytes[bytes.length - 1] ^ 1, bytes.length - 1),
      (bytes: Uint8Array) => bytes.subarray(0, 40),
    ].entries()) {
      for (const each of disk.files().keys()) {
        if (!each.startsWith("/cache/")) continue;
        await openStorage({ disk }).writeAtomic(each, spoil(Uint8Array.from(disk.files().get(each) as Uint8Array)));
      }
      expect((await fresh({ warnings }, 5 + i)).cache).toBe("miss");
      expect(warnings[i]).toMatch(/is damaged and is made again/);
    }
    expect(path).toMatch(/teacher-logits-[0-9a-f]{32}\.safetensors$/);
    expect((await fresh({}, 7)).cache).toBe("hit");
  });

  it("of several teachers are their average", async () => {
    const engine = await createEngine({ backend: "js" });
    const models = [3, 4].map((seed) => modelOf("simple-cnn", seed));
    const { images } = (await numberedBlobs()[Symbol.asyncIterator]().next()).value as Batch;
    const both = frozenTeacher(models.map((model) => ({ model, identity: model.name })));
    const ask = (forward: (typeof both)["forward"]) =>
      engine
        .compile(({ x }) => ({ logits: forward(x) }))({ x: images })
        .then(({ logits }) => [...logits.data]);
    const [one, two] = [
      await ask((x) => models[0].forward(x, { training: false })),
      await ask((x) => models[1].forward(x, { training: false })),
    ];
    const averaged = await ask(both.forward);
    averaged.forEach((value, i) => {
      expect(value).toBeCloseTo((one[i] + two[i]) / 2, 6);
    });
    await engine.close();
  });
});

describe("hints", () => {
  const hints = [
    { form: "attention", student: "stage1.block0", teacher: "relu1" },
    { form: "fitnets", student: "stage2.block0", teacher: "pool1", weight: 0.5 },
  ] as const;

  it.each(["a", "b"] as const)(
    "join the loss of scheme %s, and its regressor is resumed with the rest",
    async (scheme) => {
      const whole = createMemoryDisk();
      const options = { scheme, hints, augmented: true };
      const expected = await run(whole, options);
      const { teacher, apprentice, distillation, hints: hinted } = expected.result.terms ?? {};
      expect(expected.result.loss).toBeCloseTo(teacher + 0.5 * apprentice + 0.5 * distillation + hinted, 4);
      expect([expected.cache, expected.teacherSeconds]).toEqual(["live", null]);
      const disk = createMemoryDisk();
      await run(disk, { ...options, stopAt: scheme === "a" ? 4 : 10 }).catch(() => undefined);
      expect(withoutTime(await run(disk, options))).toEqual(withoutTime(expected));
      expect(await contentOf(disk)).toEqual(await contentOf(whole));
      expect(Object.keys(await contentOf(whole))).toContain(`${OUT} hints.safetensors`);
    },
  );

  it("are not given by an average, nor by nobody", async () => {
    await expect(run(createMemoryDisk(), { hints, teacher: [3, 4] })).rejects.toThrow(/no inner layers/);
    await expect(run(createMemoryDisk(), { hints, teacher: "none" })).rejects.toThrow(/nobody gives hints/);
  });
});

describe("without a teacher", () => {
  it("scheme b is plain training: the same start, the same batches, the same bits", async () => {
    const disk = createMemoryDisk();
    const { result, teacher } = await run(disk, { teacher: "none" });
    expect(teacher).toBeNull();
    const engine = await createEngine({ backend: "js" });
    const model = await prepare(modelOf("resnet8", 5), { precision: "w2a4", scheme: uniform, registry });
    const plain = await train({
      ...{ engine, model, loader: numberedBlobs(), evaluate: numberedBlobs({ seed: 2 }), epochs: 2 },
      ...{ optimiser: sgd({ momentum: 0.9 }), schedule: cosineSchedule({ learningRate: 0.05 }) },
    });
    await engine.close();
    expect(result).toEqual(plain.result);
  });
});

describe("a run", () => {
  it("stopped while the teacher is asked, goes on to the same bytes", async () => {
    const [whole, disk] = [createMemoryDisk(), createMemoryDisk()];
    const expected = await run(whole, { teacher: [3], augmented: true });
    await expect(run(disk, { teacher: [3], augmented: true, stopAtTeacher: true })).rejects.toThrow(InterruptedError);
    expect(withoutTime(await run(disk, { teacher: [3], augmented: true }))).toEqual(withoutTime(expected));
    expect(await contentOf(disk)).toEqual(await contentOf(whole));
  });

  it("is not resumed as another", async () => {
    const disk = createMemoryDisk();
    await run(disk, { stopAt: 8 }).catch(() => undefined);
    await expect(run(disk, { loss: { gamma: 1 } })).rejects.toThrow(
      /can't be resumed as another: .*gamma was 0.5 and is 1/,
    );
  });

  it("does not begin in a folder that is taken", async () => {
    const disk = createMemoryDisk();
    await run(disk);
    await expect(run(disk, { resume: false })).rejects.toMatchObject({ code: "LOWBIT_CONFIGURATION" });
  });

  it("of scheme a takes no trained teacher", async () => {
    await expect(run(createMemoryDisk(), { scheme: "a", teacher: [3] })).rejects.toThrow(/trains its teacher beside/);
  });
});
