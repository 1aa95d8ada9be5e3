import { createEngine, type Engine, input } from "@lowbit/core-tensor";
import { compileForward, createModel, type Model, modelNames } from "@lowbit/nn";
import { convert, createRegistry, prepare } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import type * as tf from "@tensorflow/tfjs-core";
import { checkAgreement } from "../measure/agreement.js";
import { availableBuilds, type BuildName } from "../ours/available-builds.js";
import { countOperations } from "../ours/count-operations.js";
import { randomNormal } from "../ours/random-tensors.js";
import { encodeOnnx, initialValues } from "../peers/onnx/encode-onnx.js";
import { openOnnx, openTensorflow } from "../peers/peer-sides.js";
import { tensorflowResnet, toChannelsLast, toTensorflow } from "../peers/tensorflow/tensorflow-resnet.js";
import type { Row } from "../report/row.js";
import { type Contestant, contest, type Peer } from "./contest.js";
import type { Suite, SuiteRun } from "./suite.js";

/** A network to classify images with. */
export interface InferWork {
  readonly model: string;
  readonly inputShape: readonly [number, number, number];
  readonly batch: number;
  /** Residual blocks of a stage; absent where the network is not written in TensorFlow.js' operations. */
  readonly blocks?: number;
}

const precisions = ["fp32", "w2a2", "w1a1"];
const networks = [
  { model: "resnet8", inputShape: [1, 28, 28], blocks: 1, batches: [1, 16] },
  { model: "resnet20", inputShape: [3, 32, 32], blocks: 3, batches: [1] },
  { model: "resnet18", inputShape: [3, 224, 224], batches: [1, 16] },
] as const;
const BUDGET_MS = 3_000;
const TOLERANCE = 1e-4;

/** Those of them that @lowbit/nn has. */
const works: readonly InferWork[] = networks
  .filter(({ model }) => modelNames.includes(model))
  .flatMap(({ batches, ...network }) => batches.map((batch) => ({ ...network, batch })));

const idOf = ({ model, batch }: InferWork, precision: string): string =>
  `infer-${model}-${precision}${batch === 1 ? "" : `-b${batch}`}`;

const imagesOf = ({ inputShape, batch }: InferWork) => randomNormal("images", [batch, ...inputShape]);

const buildModel = ({ model, inputShape }: InferWork): Model =>
  createModel(model, { inputShape, classes: 10, seed: 1 });

/** The network at a precision, converted as it would be to run: frozen, packed where codes meet codes. */
async function openOurs(engine: Engine, work: InferWork, precision: string): Promise<Contestant> {
  const images = imagesOf(work);
  const prepared = await prepare(buildModel(work), { precision, scheme: wrpn, registry: createRegistry(plugin) });
  const packed = await convert(prepared, engine);
  const [fake, real] = [compileForward(engine, prepared), compileForward(engine, packed)];
  const one = { images: imagesOf({ ...work, batch: 1 }) };
  const [packedLogits, fakeLogits] = [(await real(one)).logits.data, (await fake(one)).logits.data];
  checkAgreement("packed and fake-quantized logits", packedLogits, fakeLogits, 0);
  return {
    version: "this commit",
    run: async () => (await real({ images })).logits.data,
    close: async () => {},
  };
}

/** The fp32 network elsewhere. `tolerance` is null beside a low-precision network of ours: it computes something else. */
function peersOf(work: InferWork, threads: number, tolerance: number | null): Peer[] {
  const images = imagesOf(work);
  const model = buildModel(work);
  const logits = model.forward(input("images", images.shape), { training: false });
  const agreement = "packed logits equal the fake-quantized ones, bit for bit";
  const common = { precision: "fp32", tolerance, agreement } as const;
  const onnx = (["onnxruntime-web", "onnxruntime-node"] as const).map((name) => ({
    ...{ ...common, name },
    open: () => openOnnx(name, encodeOnnx(logits, initialValues), { images }, threads),
  }));
  const { blocks } = work;
  if (blocks === undefined || tolerance === null) return onnx;
  const prepareTensors = () => [
    toChannelsLast(images),
    ...model.variables.map(({ shape, dtype, initial }) => toTensorflow({ shape, dtype, data: initial })),
  ];
  const compute = ([x, ...values]: tf.Tensor[]) => {
    const weights = new Map(model.variables.map(({ name }, i) => [name, values[i]]));
    return tensorflowResnet(x as tf.Tensor4D, { blocks, weights, training: false });
  };
  return [...onnx, { ...common, name: "tfjs-wasm", open: () => openTensorflow(threads, prepareTensors, compute) }];
}

async function compare(
  work: InferWork,
  precision: string,
  build: BuildName,
  threads: number,
  run: SuiteRun,
): Promise<Row[]> {
  const engine = await createEngine({ threads, build });
  const ours = await openOurs(engine, work, precision);
  const isFp32 = precision === "fp32";
  const own: Peer = {
    ...{ name: "own fp32", precision: "fp32", tolerance: null },
    agreement: "packed logits equal the fake-quantized ones, bit for bit",
    open: () => openOurs(engine, work, "fp32"),
  };
  const peers = [...(isFp32 ? [] : [own]), ...peersOf(work, threads, isFp32 ? TOLERANCE : null)];
  const logits = buildModel(work).forward(input("images", imagesOf(work).shape), { training: false });
  const labels = { work: idOf(work, precision), ours: "@lowbit/quant wasm", threads, build };
  const rows = await contest({ ...labels, operations: countOperations([logits]) }, ours, peers, {
    ...run,
    budgetMs: BUDGET_MS,
  });
  await engine.close();
  return rows;
}

/** Classifying images: fp32 and packed networks against the fp32 network in other runtimes. */
export const inferSuite: Suite = {
  name: "infer",
  async run(run) {
    const rows: Row[] = [];
    for (const build of await availableBuilds()) {
      for (const threads of new Set([1, run.threads])) {
        for (const work of works) {
          for (const precision of precisions) {
            if (run.only !== undefined && !idOf(work, precision).includes(run.only)) continue;
            rows.push(...(await compare(work, precision, build, threads, run)));
          }
        }
      }
    }
    return rows;
  },
};
