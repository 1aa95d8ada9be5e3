import { createEngine, type Engine, elementsOf, type HostTensor, topologicalOrder } from "@lowbit/core-tensor";
import {
  commitGeneration,
  createMemoryDisk,
  openGeneration,
  openStorage,
  parseJson,
  type Storage,
  sha256,
} from "@lowbit/core-tensor/storage";
import { createDataset } from "@lowbit/data";
import { createModel, type Model } from "@lowbit/nn";
import {
  builtIns,
  convert,
  createRegistry,
  prepare,
  restorePackedModel,
  type StoredPackedModel,
  storePackedModel,
} from "@lowbit/quant";
import { plugin as wrpn } from "@lowbit/wrpn";
import { parseExperiment } from "../../../packages/cli/src/experiment.js";
import { inspectNetwork } from "../../../packages/cli/src/inspect-network.js";
import { openNetwork } from "../../../packages/cli/src/network-folder.js";
import { resolveExperiment } from "../../../packages/cli/src/resolve-experiment.js";
import { convertNetwork } from "../../../packages/cli/src/run-conversion.js";
import { firstBatch, trainNetwork } from "../../../packages/cli/src/train-network.js";
import { bytesOfOne, bytesOfText, type Files, type HostileFormat, oneFile, Unsound } from "./hostile-format.js";
import { mutateBytes } from "./mutate-bytes.js";
import { mutateJson } from "./mutate-json.js";
import type { Random } from "./random.js";

const registry = createRegistry(builtIns, wrpn);
const FOLDER = "/net";
const INPUT_SHAPE = [1, 6, 6] as const;
const CLASSES = ["a", "b", "c"];
const source = { kind: "file", file: "experiment.json" } as const;

/** Networks of more values than this are opened but not run: opening is what a hostile file must not make slow. */
const LARGEST_RUN = 300_000;

const storageOf = (files: Files): Storage => openStorage({ disk: createMemoryDisk(files), faults: () => undefined });

async function tinyDataset() {
  const images = (count: number, shift: number) => ({
    count,
    imageShape: INPUT_SHAPE,
    images: Uint8Array.from({ length: count * 36 }, (_, i) => (i * 37 + shift) % 256),
    labels: Int32Array.from({ length: count }, (_, i) => i % 3),
  });
  const normalisation = { mean: [0.5], std: [0.25] };
  return createDataset({ name: "tiny", classes: CLASSES, train: images(9, 1), test: images(6, 5), normalisation });
}

/** What `lowbit train` and `lowbit convert` write, of a network as small as can be. */
async function networkSeeds(engine: Engine): Promise<{ trained: Files[]; packed: Files[] }> {
  const dataset = await tinyDataset();
  const [trained, packed]: Files[][] = [[], []];
  for (const [modelName, precision] of [
    ["simple-cnn", "w2a2"],
    ["resnet8", "w1a2"],
  ]) {
    const experiment = parseExperiment(
      { model: modelName, data: "fashion-mnist-mini", precision, epochs: 1, batch: 4, width: 0.25 },
      source,
    );
    const resolved = resolveExperiment(experiment, source, registry);
    const plain = createModel(modelName, { inputShape: INPUT_SHAPE, classes: 3, width: 0.25 });
    const model = await prepare(plain, { precision, scheme: resolved.scheme, registry });
    const disk = createMemoryDisk();
    const storage = openStorage({ disk, faults: () => undefined });
    const signal = new AbortController().signal;
    const run = { engine, storage, resume: false, allowBuildChange: false, signal, callbacks: {} };
    const calibration = await firstBatch(dataset, experiment);
    await trainNetwork({ experiment, resolved, dataset, model, calibration }, { ...run, out: FOLDER });
    const only = (folder: string): Files =>
      new Map([...disk.files()].filter(([path]) => path.startsWith(`${folder}/`)));
    trained.push(only(FOLDER));
    await convertNetwork(await openNetwork(storage, FOLDER, registry), { engine, storage, out: "/out" });
    packed.push(new Map([...only("/out")].map(([path, bytes]) => [path.replace("/out/", `${FOLDER}/`), bytes])));
  }
  return { trained, packed };
}

/** The state and the parts of a folder, some of them spoiled, committed again: every checksum is right. */
async function recommit(files: Files, random: Random): Promise<Files> {
  const generation = await openGeneration(storageOf(files), FOLDER);
  if (!generation) throw new Error("a seed without a generation");
  const parts = new Map<string, Uint8Array>();
  for (const name of generation.partNames) parts.set(name, await generation.part(name));
  let state: unknown = JSON.parse(JSON.stringify(generation.state));
  if (random.chance(0.8)) state = mutateJson(state, random);
  else {
    const name = random.pick([...parts.keys()]);
    parts.set(name, mutateBytes(parts.get(name) as Uint8Array, random));
  }
  const disk = createMemoryDisk();
  await commitGeneration(openStorage({ disk, faults: () => undefined }), FOLDER, { parts, state: state as object });
  return disk.files();
}

/** A manifest with some of its values changed and its checksum right. */
async function forgeManifest(bytes: Uint8Array, random: Random): Promise<Uint8Array> {
  const { checksum: _, ...body } = JSON.parse(new TextDecoder().decode(bytes));
  const changed = mutateJson(body, random) as object;
  const checksum = await sha256(bytesOfText(JSON.stringify(changed)));
  return bytesOfText(JSON.stringify({ ...changed, checksum }));
}

async function mutateFolder(files: Files, random: Random): Promise<Files> {
  if (random.chance(0.7)) return recommit(files, random);
  const path = random.pick([...files.keys()]);
  return new Map(files).set(path, mutateBytes(files.get(path) as Uint8Array, random));
}

/** Runs a network that was accepted: what it computes is its own affair, but it has to end with a result or a typed error. */
async function runNetwork(engine: Engine, model: Pick<Model, "forward" | "inputShape">): Promise<void> {
  const shape = [2, ...model.inputShape];
  const forward = engine.compile(({ x }) => {
    const logits = model.forward(x, { training: false });
    if (topologicalOrder([logits]).reduce((sum, node) => sum + elementsOf(node.shape), 0) > LARGEST_RUN)
      throw new TooLarge();
    return { logits };
  });
  const data = Float32Array.from({ length: elementsOf(shape) }, (_, i) => Math.sin(i));
  try {
    const { logits } = await forward({ x: { dtype: "f32", shape, data } });
    if (logits.data.length !== elementsOf(logits.shape)) throw new Unsound("logits of another size than their shape");
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
  }
}

class TooLarge extends Error {}

/** An engine for one network: engines keep what they have compiled. */
async function withEngine(work: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await createEngine({ backend: "js", memoryLimit: 2 ** 25 });
  try {
    await work(engine);
  } finally {
    await engine.close();
  }
}

const experiments = [
  { model: "resnet8", data: "fashion-mnist-mini", precision: "w2a2", quantizer: "wrpn", width: 2, epochs: 5, seed: 1 },
  {
    model: "mlp",
    data: "cifar10:data",
    batch: 32,
    optimiser: "adamw",
    learningRate: 0.01,
    schedule: "step",
    augment: "crop:2,flip",
    limit: 5,
  },
];

/** The formats of networks: manifests, folders of trained and of packed networks, stored graphs, and the experiments they come from. */
export async function networkFormats(): Promise<HostileFormat[]> {
  const engine = await createEngine({ backend: "js" });
  const { trained, packed } = await networkSeeds(engine);
  const manifest: HostileFormat = {
    name: "manifest",
    seeds: [...trained, ...packed],
    async mutate(files, random) {
      const path = `${FOLDER}/manifest.json`;
      const bytes = files.get(path) as Uint8Array;
      return new Map(files).set(
        path,
        random.chance(0.3) ? mutateBytes(bytes, random) : await forgeManifest(bytes, random),
      );
    },
    async open(files) {
      const generation = await openGeneration(storageOf(files), FOLDER);
      for (const name of generation?.partNames ?? []) {
        const part = await generation?.part(name);
        if (part?.length !== generation?.partBytes(name)) throw new Unsound(`part ${name}`);
      }
    },
  };
  const openAndRun = async (files: Files): Promise<void> => {
    const network = await openNetwork(storageOf(files), FOLDER, registry);
    if (elementsOf(network.model.inputShape) > LARGEST_RUN) return;
    await withEngine(async (own) => {
      await network.load(own);
      await inspectNetwork(network.model, own);
      await runNetwork(own, network.model);
    });
  };
  const trainedFolder: HostileFormat = {
    name: "trained-folder",
    seeds: trained,
    mutate: mutateFolder,
    open: openAndRun,
  };
  const packedFolder: HostileFormat = { name: "packed-folder", seeds: packed, mutate: mutateFolder, open: openAndRun };

  const graphs = new Map<string, { json: StoredPackedModel; tensors: Map<string, HostTensor> }>();
  for (const [name, precision] of [
    ["mlp", "w4a4"],
    ["simple-cnn", "w8a8"],
  ]) {
    const plain = createModel(name, { inputShape: INPUT_SHAPE, classes: 3, width: 0.25 });
    const model = await prepare(plain, { precision, scheme: registry.scheme("uniform"), registry });
    graphs.set(name, storePackedModel(await convert(model, engine)));
  }
  const storedGraph: HostileFormat = {
    name: "stored-graph",
    seeds: [...graphs].map(([name, { json }]) => new Map([[name, bytesOfText(JSON.stringify(json))]])),
    mutate(files, random) {
      const [[name, bytes]] = files;
      return new Map([
        [name, bytesOfText(JSON.stringify(mutateJson(JSON.parse(new TextDecoder().decode(bytes)), random)))],
      ]);
    },
    async open(files) {
      const [[name, bytes]] = files;
      const json = parseJson(bytes, { file: "graph.json" }) as unknown as StoredPackedModel;
      const model = restorePackedModel(json, graphs.get(name)?.tensors ?? new Map());
      if (elementsOf(model.inputShape) <= LARGEST_RUN) await withEngine((own) => runNetwork(own, model));
    },
  };
  const experiment: HostileFormat = {
    name: "experiment",
    seeds: experiments.map((each) => oneFile(bytesOfText(JSON.stringify(each)))),
    mutate(files, random) {
      const bytes = bytesOfOne(files);
      if (random.chance(0.3)) return oneFile(mutateBytes(bytes, random));
      return oneFile(bytesOfText(JSON.stringify(mutateJson(JSON.parse(new TextDecoder().decode(bytes)), random))));
    },
    async open(files) {
      const fields = parseJson(bytesOfOne(files), { file: "experiment.json" });
      resolveExperiment(parseExperiment(fields, source), source, registry);
    },
  };
  return [manifest, trainedFolder, packedFolder, storedGraph, experiment];
}
