import { createEngine, type Engine, FileFormatError, LowbitError } from "@lowbit/core-tensor";
import {
  commitGeneration,
  createMemoryDisk,
  type MemoryDisk,
  openGeneration,
  openStorage,
  type Storage,
  writeSafetensors,
} from "@lowbit/core-tensor/storage";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  constantSchedule,
  createModel,
  evaluateModel,
  loadCheckpoint,
  rebuildModel,
  sgd,
  train,
} from "../../src/index.js";
import { blobLoader } from "../oracles/blobs.js";

const FOLDER = "/run";
const loader = blobLoader({ images: 9, shape: [1, 4, 4], classes: 3, batch: 3 });
let engine: Engine;
let disk: MemoryDisk;
let storage: Storage;

beforeAll(async () => {
  engine = await createEngine({ backend: "js" });
  disk = createMemoryDisk();
  storage = openStorage({ disk });
  await train({
    engine,
    model: createModel("simple-cnn", { inputShape: [1, 4, 4], classes: 3, width: 0.2 }),
    loader,
    evaluate: loader,
    epochs: 1,
    optimiser: sgd(),
    schedule: constantSchedule({ learningRate: 0.1 }),
    checkpoint: { storage, folder: FOLDER, identity: { precision: "fp32" } },
  });
});
afterAll(() => engine.close());

describe("loadCheckpoint", () => {
  it("rebuilds the model from its manifest, and it does as well as at the end of training", async () => {
    const checkpoint = await loadCheckpoint(storage, FOLDER);
    expect(checkpoint).toMatchObject({ finished: true, engine: { backend: "js", build: "reference" } });
    expect(checkpoint.run.identity).toMatchObject({ precision: "fp32" });
    expect(checkpoint.latentBytes).toBeGreaterThan(1000);
    const model = rebuildModel(checkpoint.run.model, FOLDER);
    await checkpoint.restore(engine, model);
    expect(await evaluateModel({ engine, model, loader })).toMatchObject(
      checkpoint.progress.lastEpoch?.evaluation as object,
    );
  });

  it("refuses a model with other variables, naming them, and sets nothing", async () => {
    const checkpoint = await loadCheckpoint(storage, FOLDER);
    const wider = createModel("simple-cnn", { inputShape: [1, 4, 4], classes: 3, width: 0.4 });
    await expect(checkpoint.restore(engine, wider)).rejects.toThrow(
      /do not fit this model: conv1\.weight is f32 \[3, 1, 3, 3\], not f32 \[6, 1, 3, 3\]/,
    );
    const other = createModel("mlp", { inputShape: [1, 4, 4], classes: 3 });
    await expect(checkpoint.restore(engine, other)).rejects.toThrow(
      /fc1\.weight, fc1\.bias, fc2\.weight, fc2\.bias are missing; .* and 5 more belong to no variable/,
    );
    const [first] = wider.variables;
    expect((await engine.read(first)).data).toEqual(first.initial);
  });

  it.each([
    [{ name: "resnet9", options: {} }, /can't be made: there is no model "resnet9"/],
    [
      { name: "mlp", options: { inputShape: [1, 4, 4], classes: "3" } },
      /can't be made: a model can't have classes "3"/,
    ],
    [{ name: "mlp", options: {} }, /can't be made: a model can't have inputShape/],
  ])("refuses to rebuild %j", (described, message) => {
    expect(() => rebuildModel(described, FOLDER)).toThrow(FileFormatError);
    expect(() => rebuildModel(described, FOLDER)).toThrow(message);
  });

  it("refuses a folder without a checkpoint, and one of another kind", async () => {
    await expect(loadCheckpoint(openStorage({ disk: createMemoryDisk() }), "/none")).rejects.toMatchObject({
      code: "LOWBIT_FILE_FORMAT",
    });
    const other = openStorage({ disk: createMemoryDisk() });
    await commitGeneration(other, "/packed", { parts: new Map(), state: { kind: "packed" } });
    await expect(loadCheckpoint(other, "/packed")).rejects.toThrow(/no training run, its kind is "packed"/);
  });

  it("refuses tensors of a dtype that no variable has", async () => {
    const generation = await openGeneration(storage, FOLDER);
    const parts = new Map([
      [
        "weights.safetensors",
        writeSafetensors(new Map([["w", { dtype: "F64", shape: [1], data: new Uint8Array(8) }]])),
      ],
    ]);
    const other = openStorage({ disk: createMemoryDisk() });
    await commitGeneration(other, FOLDER, { parts, state: generation?.state ?? null });
    await expect(loadCheckpoint(other, FOLDER)).rejects.toThrow(/can't be of dtype F64/);
  });

  it("answers any change of the manifest's state with a typed error or reads it", async () => {
    const generation = await openGeneration(storage, FOLDER);
    const state = JSON.parse(JSON.stringify(generation?.state));
    const parts = new Map([["weights.safetensors", writeSafetensors(new Map())]]);
    const paths: string[][] = [];
    const walk = (value: unknown, path: string[]): void => {
      if (path.length > 0) paths.push(path);
      if (value !== null && typeof value === "object") {
        for (const [name, each] of Object.entries(value)) walk(each, [...path, name]);
      }
    };
    walk(state, []);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue(), async (path, value) => {
        const changed = structuredClone(state);
        let at = changed;
        for (const name of path.slice(0, -1)) at = at[name];
        at[path[path.length - 1]] = value;
        const other = openStorage({ disk: createMemoryDisk() });
        await commitGeneration(other, FOLDER, { parts, state: changed });
        await loadCheckpoint(other, FOLDER).catch((error) => expect(error).toBeInstanceOf(LowbitError));
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
