import { createEngine, type Engine } from "@lowbit/core-tensor";
import { createModel, type Model } from "@lowbit/nn";
import { createRegistry, type PreparedModel, parsePrecision, prepare } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import { checkAgreement } from "../measure/agreement.js";
import { alternate } from "../measure/alternate.js";
import { availableBuilds, type BuildName } from "../ours/available-builds.js";
import { randomLabels, randomNormal } from "../ours/random-tensors.js";
import { startTraining, type Training } from "../ours/training.js";
import { startTensorflow, tensorflowVersion } from "../peers/tensorflow/start-tensorflow.js";
import type { FakeQuantization } from "../peers/tensorflow/tensorflow-resnet.js";
import { TensorflowTraining } from "../peers/tensorflow/tensorflow-training.js";
import { makeRow, type Row } from "../report/row.js";
import type { Suite, SuiteRun } from "./suite.js";

/** A training step to compare: forward pass, loss, gradients, SGD with momentum. */
export interface TrainWork {
  readonly model: string;
  /** Residual blocks of a stage. */
  readonly blocks: number;
  readonly inputShape: readonly [number, number, number];
  readonly batch: number;
  readonly precision: string;
  /** Compared with TensorFlow.js; low precision is compared with own fp32 anyway. */
  readonly meetsTensorflow: boolean;
}

const resnet8 = { model: "resnet8", blocks: 1, inputShape: [1, 28, 28], batch: 64, meetsTensorflow: true } as const;
const resnet20 = { model: "resnet20", blocks: 3, inputShape: [3, 32, 32], batch: 64 } as const;
const works: readonly TrainWork[] = [
  { ...resnet8, precision: "fp32" },
  { ...resnet8, precision: "w2a2" },
  { ...resnet20, precision: "fp32", meetsTensorflow: true },
  { ...resnet20, precision: "w2a2", meetsTensorflow: false },
];
const PEER_BUDGET_MS = 18_000;
const OWN_BUDGET_MS = 6_000;
const JAX_JS = "@jax-js/jax";
const JAX_JS_REASON =
  "it runs in Node, but its convolutions take so long that no step of 64 images ends within this suite";

const CLASSES = 10;
const RATES = { learningRate: 0.05, momentum: 0.9 };
const PEER = "tfjs-wasm + our filter gradient";
/**
 * The sides sum in different orders: a value at a ReLU's corner falls to either side of it now and then and takes its
 * gradient along. Few values seldom meet a corner, so the small network is compared strictly. In a quantized network one
 * code that flips flips many of the next layer, and the gradients of a whole one agree no more: only its loss is compared.
 */
const tolerances = {
  small: { fp32: { loss: 1e-5, gradient: 1e-4 }, quantized: { loss: 1e-5, gradient: 0.5 } },
  whole: { fp32: { loss: 1e-4, gradient: 0.05 }, quantized: { loss: 1e-2, gradient: Number.POSITIVE_INFINITY } },
};

export function idOf({ model, precision, batch }: TrainWork): string {
  return `train-${model}-${precision === "fp32" ? "" : `${precision}-`}b${batch}`;
}

async function buildModel({ model: name, inputShape, precision }: TrainWork): Promise<PreparedModel> {
  const model = createModel(name, { inputShape, classes: CLASSES, seed: 1 });
  return prepare(model, { precision, scheme: wrpn, registry: createRegistry(plugin) });
}

/** The quantized layers as the peer wants them. */
function quantizationOf({ quantization }: PreparedModel): Map<string, FakeQuantization> {
  const { weightBits, inputBits } = parsePrecision(quantization.precision);
  const levels = { weightLevels: 2 ** (weightBits - 1) - 1, inputLevels: 2 ** inputBits - 1 };
  return new Map(quantization.layers.map(({ layer, weight }) => [layer, { gain: weight?.gain ?? 1, ...levels }]));
}

const batchOf = ({ inputShape, batch }: TrainWork) => ({
  images: randomNormal("images", [batch, ...inputShape]),
  labels: randomLabels("labels", batch, CLASSES),
});

const startOurs = (engine: Engine, model: Model, work: TrainWork): Training =>
  startTraining(engine, model, { ...batchOf(work), ...RATES });

const startPeer = (model: PreparedModel, work: TrainWork): TensorflowTraining =>
  new TensorflowTraining({
    ...{ ...batchOf(work), ...RATES, blocks: work.blocks, classes: CLASSES },
    variables: model.variables,
    quantization: quantizationOf(model),
  });

/** Loss and all gradients of the first step, then the loss after it: throws where the sides differ. */
export async function checkTraining(work: TrainWork, engine: Engine, size: keyof typeof tolerances): Promise<string> {
  const model = await buildModel(work);
  const tolerance = tolerances[size][work.precision === "fp32" ? "fp32" : "quantized"];
  const [ours, peer] = [startOurs(engine, model, work), startPeer(model, work)];
  try {
    const [a, b] = [await ours.gradients(), peer.gradients()];
    const loss = checkAgreement("losses", [a.loss], [b.loss], tolerance.loss);
    let gradient = 0;
    for (const [name, values] of a.gradients) {
      const other = b.gradients.get(name) ?? [];
      gradient = Math.max(gradient, checkAgreement(`gradients of ${name}`, values, other, tolerance.gradient));
    }
    await ours.step();
    await peer.step();
    checkAgreement("losses after a step", [await ours.step()], [await peer.step()], 0.1);
    return `loss within ${loss.toExponential(1)}, each gradient within ${gradient.toExponential(1)}`;
  } finally {
    peer.dispose();
  }
}

/** The same network on few and small images. */
export const smallForm = (work: TrainWork): TrainWork => ({
  ...work,
  ...{ batch: 4, inputShape: [work.inputShape[0], 8, 8] },
});

/** Against TensorFlow.js; jax-js gets its reason. */
async function compareWithPeers(work: TrainWork, build: BuildName, run: SuiteRun): Promise<Row[]> {
  const engine = await createEngine({ threads: 1, build });
  await startTensorflow("wasm");
  await checkTraining(smallForm(work), engine, "small");
  const agreement = await checkTraining(work, engine, "whole");
  const model = await buildModel(work);
  const [ours, peer] = [startOurs(engine, model, work), startPeer(model, work)];
  const { meter } = run;
  const sides = [() => ours.step(), () => peer.step()];
  const measured = await alternate(sides, { meter, budgetMs: PEER_BUDGET_MS, fused: build === "relaxed" });
  peer.dispose();
  await engine.close();
  const labels = { work: idOf(work), ours: "@lowbit/nn wasm", peerPrecision: "fp32", threads: 1, build } as const;
  const operations = ours.operations();
  return [
    makeRow({ ...labels, peer: PEER, peerVersion: tensorflowVersion, operations, agreement }, measured, { side: 1 }),
    makeRow({ ...labels, peer: JAX_JS, peerVersion: "–", operations }, measured, { reason: JAX_JS_REASON }),
  ];
}

/** A step of ours against another of ours: low precision against fp32, or more threads against one. */
async function compareWithOwn(
  work: TrainWork,
  other: { readonly peer: string; readonly precision: string; readonly threads: number },
  { build, threads }: { readonly build: BuildName; readonly threads: number },
  { meter }: SuiteRun,
): Promise<Row> {
  const engines = [await createEngine({ threads, build }), await createEngine({ threads: other.threads, build })];
  const ours = startOurs(engines[0], await buildModel(work), work);
  const peer = startOurs(engines[1], await buildModel({ ...work, precision: other.precision }), work);
  const sides = [() => ours.step(), () => peer.step()];
  const measured = await alternate(sides, { meter, budgetMs: OWN_BUDGET_MS, fused: build === "relaxed" });
  for (const engine of engines) await engine.close();
  const labels = { work: idOf(work), ours: "@lowbit/nn wasm", peer: other.peer, peerVersion: "this commit" };
  const rest = { peerPrecision: "fp32", threads, build, operations: ours.operations() } as const;
  return makeRow({ ...labels, ...rest }, measured, { side: 1 });
}

export const trainSuite: Suite = {
  name: "train",
  async run(run) {
    const rows: Row[] = [];
    const chosen = works.filter((work) => run.only === undefined || idOf(work).includes(run.only));
    for (const build of await availableBuilds(run.build)) {
      for (const work of chosen) {
        if (work.meetsTensorflow) {
          run.progress(`${idOf(work)} (${build}) against ${PEER}`);
          rows.push(...(await compareWithPeers(work, build, run)));
        }
        if (work.precision !== "fp32") {
          const fp32 = { peer: "own fp32", precision: "fp32", threads: 1 };
          run.progress(`${idOf(work)} (${build}) against own fp32`);
          rows.push(await compareWithOwn(work, fp32, { build, threads: 1 }, run));
        }
        if (run.threads > 1) {
          const alone = { peer: "own, one thread", precision: work.precision, threads: 1 };
          run.progress(`${idOf(work)} (${build}) on ${run.threads} threads against one`);
          rows.push(await compareWithOwn(work, alone, { build, threads: run.threads }, run));
        }
      }
    }
    return rows;
  },
};
