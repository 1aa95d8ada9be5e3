import {
  type CodeFormat,
  codeFormat,
  constantOf,
  conv2d,
  conv2dCodes,
  createEngine,
  type Engine,
  elementsOf,
  type HostTensor,
  input,
  matmul,
  packFields,
  stateVariable,
  type Tensor,
} from "@lowbit/core-tensor";
import * as tf from "@tensorflow/tfjs-core";
import { checkAgreement } from "../measure/agreement.js";
import { availableBuilds, type BuildName } from "../ours/available-builds.js";
import { countOperations } from "../ours/count-operations.js";
import { randomNormal, randomWhole } from "../ours/random-tensors.js";
import { openGpuJs } from "../peers/gpu-js.js";
import { openJax } from "../peers/jax.js";
import { encodeOnnx, initialValues } from "../peers/onnx/encode-onnx.js";
import { openOnnx, openTensorflow } from "../peers/peer-sides.js";
import { toChannelsLast, toTensorflow } from "../peers/tensorflow/tensorflow-resnet.js";
import type { Row } from "../report/row.js";
import { type Contestant, contest, type Peer } from "./contest.js";
import type { Suite, SuiteRun } from "./suite.js";

const BUDGET_MS = 6_000;
const TOLERANCE = 1e-5;
const PEERS = ["onnxruntime-web", "onnxruntime-node"] as const;

/** A convolution of x [1, C, H, W] with w [M, C, R, R], same size out. */
export interface Shape {
  readonly name: string;
  readonly C: number;
  readonly M: number;
  readonly size: number;
  readonly R: number;
}

/** Layers of ResNet-18 at 224², and a product of 1024³ as a 1×1 convolution over 32² pixels. */
const convolutions: readonly Shape[] = [
  { name: "conv-c64-m64-56x56-r3", C: 64, M: 64, size: 56, R: 3 },
  { name: "conv-c256-m256-14x14-r3", C: 256, M: 256, size: 14, R: 3 },
];
const product: Shape = { name: "gemm-1024", C: 1024, M: 1024, size: 32, R: 1 };

/** Pairs of codes: weights first. */
const codes: Readonly<Record<string, { readonly w: CodeFormat; readonly x: CodeFormat }>> = {
  "w1a1-and": { w: codeFormat("bipolar", -1, 1), x: codeFormat("binary", 0, 1) },
  w1a1: { w: codeFormat("bipolar", -1, 1), x: codeFormat("bipolar", -1, 1) },
  w2a2: { w: codeFormat("ternary", -1, 1), x: codeFormat("uint", 0, 3) },
  w4a4: { w: codeFormat("int", -7, 7), x: codeFormat("uint", 0, 15) },
  "ternary-int8": { w: codeFormat("ternary", -1, 1), x: codeFormat("int", -127, 127) },
  int8: { w: codeFormat("int", -127, 127), x: codeFormat("int", -127, 127) },
};

/** N of the product [N, N] by [N, N] that gpu.js and jax-js compute too. */
const SMALL_SIZE = 256;
const SMALL_WORK = `gemm-fp32-${SMALL_SIZE}`;

const idOf = (shape: Shape, precision: string): string =>
  shape === product ? `gemm-${precision}-1024` : `${shape.name}-${precision}`;

/** Runs a graph of resident values: nothing is copied in, only the result out. */
function runGraph(engine: Engine, build: () => Tensor): Contestant {
  const compiled = engine.compile(() => ({ out: build() }));
  return { version: "this commit", run: async () => (await compiled({})).out.data, close: async () => {} };
}

const resident = (name: string, initial: HostTensor): Tensor => stateVariable(name, initial).tensor;

function fp32Work(shape: Shape) {
  const { C, M, size, R } = shape;
  const isProduct = shape === product;
  const a = randomNormal("a", isProduct ? [1024, 1024] : [1, C, size, size]);
  const b = randomNormal("b", isProduct ? [1024, 1024] : [M, C, R, R]);
  const padding = (R - 1) / 2;
  const build = (x: Tensor, y: Tensor): Tensor => (isProduct ? matmul(x, y) : conv2d(x, y, { padding }));
  return { a, b, padding, isProduct, build };
}

/** NHWC as tfjs gives it, back in our order. */
const channelsFirst = (values: tf.Tensor): tf.Tensor =>
  values.rank === 4 ? tf.transpose(values, [0, 3, 1, 2]) : values;

function fp32Peers(shape: Shape, threads: number): Peer[] {
  const { a, b, padding, isProduct, build } = fp32Work(shape);
  const common = { precision: "fp32", tolerance: TOLERANCE } as const;
  const model = () =>
    encodeOnnx(build(input("a", a.shape), isProduct ? input("b", b.shape) : constantOf(b)), initialValues);
  const inputs: Record<string, HostTensor> = isProduct ? { a, b } : { a };
  const onnx = PEERS.map((name) => ({ ...common, name, open: () => openOnnx(name, model(), inputs, threads) }));
  const prepare = () =>
    isProduct
      ? [a, b].map(({ data }) => tf.tensor2d(data as Float32Array, [1024, 1024]))
      : [toChannelsLast(a), toTensorflow(b)];
  const compute = ([x, y]: tf.Tensor[]) =>
    isProduct ? tf.matMul(x, y) : channelsFirst(tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, padding));
  return [...onnx, { ...common, name: "tfjs-wasm", open: () => openTensorflow(threads, prepare, compute) }];
}

function ownFp32(engine: Engine, shape: Shape): Contestant {
  const { a, b, build } = fp32Work(shape);
  return runGraph(engine, () => build(resident("a", a), resident("b", b)));
}

/** The convolution of packed codes, and the same numbers in fp32: the oracle. */
function codesWork(shape: Shape, precision: string) {
  const { C, M, size, R } = shape;
  const { x, w } = codes[precision];
  const [xShape, wShape] = [
    [1, C, size, size],
    [M, C, R, R],
  ];
  const xFields = Uint8Array.from(randomWhole(`${precision} x`, xShape, x.levels));
  const wFields = randomWhole(`${precision} w`, wShape, w.levels);
  const options = { padding: (R - 1) / 2, x, w };
  const integersOf = (fields: ArrayLike<number>, { offset, step }: CodeFormat) =>
    Float32Array.from(fields, (field) => offset + step * field);
  const packed: HostTensor = { dtype: `p${w.bits}` as "p1", shape: wShape, data: packFields(wFields, w.bits) };
  return {
    packed: () =>
      conv2dCodes(resident("x", { dtype: "u8", shape: xShape, data: xFields }), constantOf(packed), options),
    plain: () =>
      conv2d(
        resident("x", { dtype: "f32", shape: xShape, data: integersOf(xFields, x) }),
        resident("w", { dtype: "f32", shape: wShape, data: integersOf(wFields, w) }),
        options,
      ),
  };
}

async function compareFp32(shape: Shape, build: BuildName, threads: number, run: SuiteRun): Promise<Row[]> {
  const engine = await createEngine({ threads, build });
  const labels = { work: idOf(shape, "fp32"), ours: "@lowbit/core-tensor wasm", threads, build };
  const { a, b, build: graph } = fp32Work(shape);
  const operations = countOperations([graph(input("a", a.shape), input("b", b.shape))]);
  const budget = { ...run, budgetMs: BUDGET_MS };
  const rows = await contest({ ...labels, operations }, ownFp32(engine, shape), fp32Peers(shape, threads), budget);
  await engine.close();
  return rows;
}

/** A small product against gpu.js' own example and jax-js, on one thread: at 1024³ both take a large part of a second. */
async function compareSmallProduct(build: BuildName, run: SuiteRun): Promise<Row[]> {
  const engine = await createEngine({ threads: 1, build });
  const values = { a: randomNormal("a", [SMALL_SIZE, SMALL_SIZE]), b: randomNormal("b", [SMALL_SIZE, SMALL_SIZE]) };
  const { a, b } = values;
  const ours = runGraph(engine, () => matmul(resident("a", a), resident("b", b)));
  const common = { precision: "fp32", tolerance: TOLERANCE } as const;
  const graph = matmul(input("a", a.shape), input("b", b.shape));
  const operandOf = ({ attributes }: Tensor) => values[attributes.name as keyof typeof values];
  const peers: Peer[] = [
    { ...common, name: "gpu.js", open: () => openGpuJs(SMALL_SIZE, a, b) },
    { ...common, name: "@jax-js/jax", open: () => openJax(graph, operandOf, 1) },
  ];
  const labels = { work: SMALL_WORK, ours: "@lowbit/core-tensor wasm", threads: 1, build };
  const rows = await contest({ ...labels, operations: 2 * SMALL_SIZE ** 3 }, ours, peers, {
    ...run,
    budgetMs: BUDGET_MS,
  });
  await engine.close();
  return rows;
}

/** Codes against own fp32 at the same shape: for a product, the fp32 product itself. */
async function compareCodes(
  shape: Shape,
  precision: string,
  build: BuildName,
  threads: number,
  run: SuiteRun,
): Promise<Row[]> {
  const engine = await createEngine({ threads, build });
  const { packed, plain } = codesWork(shape, precision);
  const ours = runGraph(engine, packed);
  const same = runGraph(engine, plain);
  const asProduct = shape === product;
  const own: Peer = {
    ...{ name: "own fp32", precision: "fp32", tolerance: asProduct ? null : TOLERANCE },
    agreement: "sums equal those of own fp32 convolution on the same numbers",
    open: async () => (asProduct ? ownFp32(engine, shape) : same),
  };
  if (asProduct) await checkCodes(ours, same);
  const labels = { work: idOf(shape, precision), ours: "@lowbit/core-tensor wasm", threads, build };
  const operations = 2 * elementsOf([shape.M, shape.C, shape.R, shape.R]) * shape.size ** 2;
  const rows = await contest({ ...labels, operations }, ours, [own], { ...run, budgetMs: BUDGET_MS });
  await engine.close();
  return rows;
}

async function checkCodes(ours: Contestant, same: Contestant): Promise<void> {
  checkAgreement("codes and the same numbers in fp32", await ours.run(), await same.run(), TOLERANCE);
}

/** Single products and convolutions: fp32 against other runtimes, codes against own fp32. */
export const kernelsSuite: Suite = {
  name: "kernels",
  async run(run) {
    const rows: Row[] = [];
    const isWanted = (shape: Shape, precision: string) =>
      run.only === undefined || idOf(shape, precision).includes(run.only);
    for (const build of await availableBuilds(run.build)) {
      if (run.only === undefined || SMALL_WORK.includes(run.only))
        rows.push(...(await compareSmallProduct(build, run)));
      for (const threads of new Set([1, run.threads])) {
        for (const shape of [product, ...convolutions]) {
          if (isWanted(shape, "fp32")) rows.push(...(await compareFp32(shape, build, threads, run)));
          for (const precision of Object.keys(codes)) {
            if (isWanted(shape, precision)) rows.push(...(await compareCodes(shape, precision, build, threads, run)));
          }
        }
      }
    }
    return rows;
  },
};
