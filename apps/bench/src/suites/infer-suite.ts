import { createEngine, type Engine, input, type Tensor } from "@lowbit/core-tensor";
import { compileForward, createModel, type Model, modelNames } from "@lowbit/nn";
import { convert, createRegistry, prepare } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import type * as tf from "@tensorflow/tfjs-core";
import { checkAgreement } from "../measure/agreement.js";
import { availableBuilds, type BuildName } from "../ours/available-builds.js";
import { countOperations } from "../ours/count-operations.js";
import { randomNormal } from "../ours/random-tensors.js";
import { openJax } from "../peers/jax.js";
import { calibrate, encodeInt8Onnx } from "../peers/onnx/encode-int8-onnx.js";
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
  /** Multiplier of every layer's channels; 1 where absent. */
  readonly width?: number;
  readonly precisions: readonly string[];
  /** Residual blocks of a stage; absent where the network is not written in TensorFlow.js' operations. */
  readonly blocks?: number;
}

const precisions = ["fp32", "w4a4", "w2a2", "w1a1"];
/** Fp32 first. Wide networks are compared with the fp32 network of width 1. */
const networks: readonly InferWork[] = [
  { model: "resnet8", inputShape: [1, 28, 28], batch: 1, blocks: 1, precisions },
  { model: "resnet20", inputShape: [3, 32, 32], batch: 1, blocks: 3, precisions },
  { model: "resnet18", inputShape: [3, 224, 224], batch: 1, precisions },
  { model: "resnet18", inputShape: [3, 224, 224], batch: 1, width: 2, precisions: ["w2a2"] },
  { model: "resnet18", inputShape: [3, 224, 224], batch: 16, precisions: ["fp32"] },
];
const BUDGET_MS = 4_000;
const TOLERANCE = 1e-4;

/** Those of them that @lowbit/nn has. */
const works = networks.filter(({ model }) => modelNames.includes(model));

const idOf = ({ model, width = 1, batch }: InferWork, precision: string): string =>
  `infer-${model}${width === 1 ? "" : `-${width}x`}-${precision}${batch === 1 ? "" : `-b${batch}`}`;

const imagesOf = ({ inputShape, batch }: InferWork) => randomNormal("images", [batch, ...inputShape]);

const buildModel = ({ model, inputShape, width = 1 }: InferWork): Model =>
  createModel(model, { inputShape: [...inputShape], classes: 10, seed: 1, width });

const convertTo = async (engine: Engine, work: InferWork, precision: string) => {
  const prepared = await prepare(buildModel(work), { precision, scheme: wrpn, registry: createRegistry(plugin) });
  return { prepared, packed: await convert(prepared, engine) };
};

/** The network at a precision, converted as it would be to run: frozen, packed where codes meet codes. */
async function openOurs(engine: Engine, work: InferWork, precision: string): Promise<Contestant> {
  const images = imagesOf(work);
  const { prepared, packed } = await convertTo(engine, work, precision);
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

const INT8_TOLERANCE = 0.1;

/** The fp32 network, quantized to int8 in another runtime, as far as its logits stay near. */
function int8Peers(work: InferWork, threads: number): Peer[] {
  const images = imagesOf(work);
  const open = async (name: "onnxruntime-web" | "onnxruntime-node"): Promise<Contestant> => {
    const engine = await createEngine({ threads: 1 });
    const { packed } = await convertTo(engine, work, "fp32");
    const forward = (x: Tensor): Tensor => packed.forward(x, { training: false });
    const model = encodeInt8Onnx(
      forward(input("images", images.shape)),
      initialValues,
      await calibrate(engine, forward, images),
    );
    const { logits } = await compileForward(engine, packed)({ images });
    await engine.close();
    const side = await openOnnx(name, model, { images }, threads);
    checkAgreement(`${name} int8 and fp32 logits`, await side.run(), logits.data, INT8_TOLERANCE);
    return side;
  };
  const agreement = `its int8 logits within ${INT8_TOLERANCE} of fp32's; our packed ones equal the fake-quantized ones, bit for bit`;
  return (["onnxruntime-web", "onnxruntime-node"] as const).map((name) => ({
    ...{ name, precision: "int8" as const, tolerance: null, agreement },
    open: () => open(name),
  }));
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

/** jax-js runs in Node, but takes a second for ResNet-20's convolutions and more than a minute for ResNet-18's. */
function jaxPeer(work: InferWork, threads: number): Peer {
  const images = imagesOf(work);
  const valuesOf = (leaf: Tensor) => (leaf.op.name === "input" ? images : initialValues(leaf));
  return {
    ...{ name: "@jax-js/jax", precision: "fp32", tolerance: TOLERANCE },
    open: async () => {
      if (work.model !== "resnet8") throw new Error("its convolutions take so long that this suite would not end");
      const logits = buildModel(work).forward(input("images", images.shape), { training: false });
      return openJax(logits, valuesOf, threads);
    },
  };
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
  const isWide = (work.width ?? 1) !== 1;
  const narrow = { ...work, width: 1 };
  const own: Peer = {
    ...{ name: "own fp32", precision: "fp32", tolerance: null },
    agreement: "packed logits equal the fake-quantized ones, bit for bit",
    open: () => openOurs(engine, narrow, "fp32"),
  };
  const peers = [
    ...(isFp32 ? [] : [own]),
    ...(isWide ? [] : peersOf(work, threads, isFp32 ? TOLERANCE : null)),
    ...(isFp32 ? [jaxPeer(work, threads)] : []),
    ...(isFp32 || isWide ? [] : int8Peers(work, threads)),
  ];
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
    for (const build of await availableBuilds(run.build)) {
      for (const threads of new Set([1, run.threads])) {
        for (const work of works) {
          for (const precision of work.precisions) {
            if (run.only !== undefined && !idOf(work, precision).includes(run.only)) continue;
            rows.push(...(await compare(work, precision, build, threads, run)));
          }
        }
      }
    }
    return rows;
  },
};
