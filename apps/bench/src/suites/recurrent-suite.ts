import {
  assign,
  createEngine,
  type Engine,
  grad,
  type HostTensor,
  input,
  mean,
  multiply,
  square,
  subtract,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import { createRegistry } from "@lowbit/quant";
import {
  bindCellQuantizers,
  type LstmState,
  lstmCell,
  planCellQuantization,
  type RecurrentCell,
  unroll,
  zeroState,
} from "@lowbit/rnn";
import { plugin, wrpn } from "@lowbit/wrpn";
import { checkAgreement } from "../measure/agreement.js";
import { availableBuilds, type BuildName } from "../ours/available-builds.js";
import { countOperations } from "../ours/count-operations.js";
import { randomNormal } from "../ours/random-tensors.js";
import { encodeOnnxLstm } from "../peers/onnx/encode-onnx-lstm.js";
import { openOnnx } from "../peers/peer-sides.js";
import { startTensorflow, tensorflowVersion } from "../peers/tensorflow/start-tensorflow.js";
import { TensorflowLstm } from "../peers/tensorflow/tensorflow-lstm.js";
import type { Row } from "../report/row.js";
import { type Contestant, contest, type Peer } from "./contest.js";
import type { Suite, SuiteRun } from "./suite.js";

/** An LSTM over sequences, x [steps, batch, size], with as many hidden units as inputs. */
export interface RecurrentWork {
  readonly size: number;
  readonly steps: number;
  readonly batch: number;
}

const TRAINING: RecurrentWork = { size: 512, steps: 35, batch: 20 };
const INFERENCE: RecurrentWork = { size: 512, steps: 100, batch: 1 };
const PRECISIONS = ["fp32", "w4a4", "w2a2", "w1a1"];
const LEARNING_RATE = 0.01;
const TRAIN_BUDGET_MS = 18_000;
const INFER_BUDGET_MS = 4_000;
const TOLERANCE = 1e-4;

const registry = createRegistry(plugin);
const inputOf = ({ steps, batch, size }: RecurrentWork) => randomNormal("x", [steps, batch, size]);
const targetOf = ({ steps, batch, size }: RecurrentWork) => randomNormal("target", [steps, batch, size]);

function makeCell({ size }: RecurrentWork, precision: string, packed?: ReadonlyMap<string, HostTensor>) {
  const { layers } = planCellQuantization([{ name: "lstm", hiddenSize: size }], { precision, scheme: wrpn });
  const quantizers = bindCellQuantizers(layers[0], registry);
  return lstmCell({ name: "lstm", inputSize: size, hiddenSize: size, seed: 1, quantizers, packed });
}

const read = (cell: RecurrentCell<LstmState>, x: Tensor, training: boolean): Tensor =>
  unroll(cell, x, zeroState(cell, x.shape[1]), { training }).outputs;

/** Mean squared distance of the outputs from a target, and its gradients. */
function lossOf(cell: RecurrentCell<LstmState>, x: Tensor, target: Tensor) {
  const loss = mean(square(subtract(read(cell, x, true), target)));
  return { loss, gradients: grad(loss, cell.variables) as Tensor[] };
}

/** Steps of plain SGD: forward pass, loss, gradients through time, update. Each resolves to the loss before it. */
function startTraining(engine: Engine, work: RecurrentWork) {
  const cell = makeCell(work, "fp32");
  const batch = { x: inputOf(work), target: targetOf(work) };
  const step = engine.compile(({ x, target }) => {
    const { loss, gradients } = lossOf(cell, x, target);
    cell.variables.forEach((variable, i) => {
      assign(variable, subtract(variable, multiply(gradients[i], LEARNING_RATE)));
    });
    return { loss };
  });
  const gradients = engine.compile(({ x, target }) => {
    const found = lossOf(cell, x, target);
    return { loss: found.loss, ...Object.fromEntries(found.gradients.map((each, i) => [`gradient${i}`, each])) };
  });
  return {
    variables: cell.variables as readonly Variable[],
    step: async () => (await step(batch)).loss.data,
    gradients: async () => Object.values(await gradients(batch)).map(({ data }) => data),
  };
}

/** Loss and all gradients of the first step, then the loss after it: throws where the sides differ. */
export async function checkLstmTraining(work: RecurrentWork, engine: Engine): Promise<string> {
  const ours = startTraining(engine, work);
  const peer = new TensorflowLstm(ours.variables, inputOf(work), targetOf(work), LEARNING_RATE);
  try {
    const [a, b] = [await ours.gradients(), peer.gradients()];
    const differences = a.map((values, i) => checkAgreement(`loss or gradient ${i}`, values, b[i], TOLERANCE));
    await ours.step();
    await peer.step();
    checkAgreement("losses after a step", await ours.step(), await peer.step(), TOLERANCE);
    return `loss and each gradient within ${Math.max(...differences).toExponential(1)}`;
  } finally {
    peer.dispose();
  }
}

async function compareTraining(build: BuildName, run: SuiteRun): Promise<Row[]> {
  const work = TRAINING;
  const engine = await createEngine({ threads: 1, build });
  const ours = startTraining(engine, work);
  const open = async (): Promise<Contestant> => {
    await startTensorflow("wasm");
    const agreement = await checkLstmTraining(work, engine);
    run.progress(agreement);
    const side = new TensorflowLstm(ours.variables, inputOf(work), targetOf(work), LEARNING_RATE);
    return { version: tensorflowVersion, run: () => side.step(), close: async () => side.dispose() };
  };
  // Both sides begin with the same weights and have made as many steps when their losses are compared: none.
  const agreement = "loss and each gradient of the first step within 1e-4";
  const peer: Peer = { name: "tfjs-wasm", precision: "fp32", tolerance: TOLERANCE, agreement, open };
  const cell = makeCell(work, "fp32");
  const shape = [work.steps, work.batch, work.size];
  const { loss, gradients } = lossOf(cell, input("x", shape), input("target", shape));
  const labels = { work: idOf("train", work, "fp32"), ours: "@lowbit/rnn wasm", threads: 1, build };
  const operations = countOperations([loss, ...gradients]);
  const contestant: Contestant = { version: "this commit", run: ours.step, close: async () => {} };
  const rows = await contest({ ...labels, operations }, contestant, [peer], { ...run, budgetMs: TRAIN_BUDGET_MS });
  await engine.close();
  return rows;
}

/** An LSTM at a precision, its matrices packed; checked against the fake-quantized one, bit for bit. */
export async function openPackedLstm(engine: Engine, work: RecurrentWork, precision: string): Promise<Contestant> {
  const x = inputOf(work);
  const latent = makeCell(work, precision);
  const names = [...latent.stored()];
  const values = await engine.evaluate(names.map(([, tensor]) => tensor));
  const packed = makeCell(work, precision, new Map(names.map(([name], i) => [name, values[i]])));
  const compile = (cell: RecurrentCell<LstmState>) =>
    engine.compile((given) => ({ outputs: read(cell, given.x, false) }));
  const [fake, real] = [compile(latent), compile(packed)];
  const outputs = Float32Array.from((await real({ x })).outputs.data); // a copy: the next run may take its place
  checkAgreement("packed and fake-quantized outputs", outputs, (await fake({ x })).outputs.data, 0);
  return { version: "this commit", run: async () => (await real({ x })).outputs.data, close: async () => {} };
}

async function compareInference(precision: string, build: BuildName, run: SuiteRun): Promise<Row[]> {
  const work = INFERENCE;
  const engine = await createEngine({ threads: 1, build });
  const ours = await openPackedLstm(engine, work, precision);
  const isFp32 = precision === "fp32";
  const agreement = "packed outputs equal the fake-quantized ones, bit for bit";
  const common = { precision: "fp32", tolerance: isFp32 ? TOLERANCE : null, agreement } as const;
  const peers: Peer[] = [
    ...(isFp32 ? [] : [{ ...common, name: "own fp32", open: () => openPackedLstm(engine, work, "fp32") }]),
    { ...common, name: "onnxruntime-web", open: () => openOnnxLstm("onnxruntime-web", engine, work) },
    { ...common, name: "onnxruntime-node", open: () => openOnnxLstm("onnxruntime-node", engine, work) },
  ];
  const shape = [work.steps, work.batch, work.size];
  const operations = countOperations([read(makeCell(work, "fp32"), input("x", shape), false)]);
  const labels = { work: idOf("infer", work, precision), ours: "@lowbit/rnn wasm", threads: 1, build };
  const rows = await contest({ ...labels, operations }, ours, peers, { ...run, budgetMs: INFER_BUDGET_MS });
  await engine.close();
  return rows;
}

/** The fp32 LSTM of the same first weights, in onnxruntime. */
export async function openOnnxLstm(
  runtime: "onnxruntime-web" | "onnxruntime-node",
  engine: Engine,
  work: RecurrentWork,
): Promise<Contestant> {
  const names = [...makeCell(work, "fp32").stored()];
  const values = await engine.evaluate(names.map(([, tensor]) => tensor));
  const weights = new Map(names.map(([name], i) => [name.replace("lstm.", ""), values[i]]));
  return openOnnx(runtime, encodeOnnxLstm(weights, work), { x: inputOf(work) }, 1);
}

const idOf = (kind: string, { size, steps, batch }: RecurrentWork, precision: string): string =>
  `${kind}-lstm${size}-${precision}-t${steps}-b${batch}`;

/** An LSTM, trained against TensorFlow.js, and fp32 and packed against onnxruntime. One thread: a step is too short for more. */
export const recurrentSuite: Suite = {
  name: "recurrent",
  async run(run) {
    const rows: Row[] = [];
    const isWanted = (id: string): boolean => run.only === undefined || id.includes(run.only);
    for (const build of await availableBuilds(run.build)) {
      if (isWanted(idOf("train", TRAINING, "fp32"))) rows.push(...(await compareTraining(build, run)));
      for (const precision of PRECISIONS) {
        if (isWanted(idOf("infer", INFERENCE, precision)))
          rows.push(...(await compareInference(precision, build, run)));
      }
    }
    return rows;
  },
};
