import {
  abs,
  add,
  buildNode,
  clip,
  constantOf,
  createStream,
  divide,
  type Engine,
  elementsOf,
  exp,
  grad,
  type HostTensor,
  log,
  multiply,
  parameter,
  permutation,
  sigmoid,
  square,
  subtract,
  sum,
  type Tensor,
} from "@lowbit/core-tensor";
import { adam } from "@lowbit/nn";
import { findLayers, type WeightedLayer } from "../find-layers.js";
import type { LayerTensors, PreparedModel } from "../prepare.js";
import type { TrainedNetwork } from "./lower-model.js";
import { type RoundingChoice, readRounding, writeCodes } from "./rounding-choice.js";

export interface RoundingOptions {
  /** Steps for each layer; 400 where absent. */
  readonly steps?: number;
  /** Images in a step; 32 where absent. */
  readonly batch?: number;
  /** Of Adam, on V; 0.01 where absent. */
  readonly learningRate?: number;
  /** λ, the weight of the term that drives h(V) to 0 or 1; 0.01 where absent. */
  readonly regularisation?: number;
  /** Of the order of the images; 0 where absent. */
  readonly seed?: number;
}

/** How the rounding of one layer's weights was learned. */
export interface LearnedRounding {
  readonly layer: string;
  /** Mean over images and places of Σ_channels (y − ŷ)², rounding to the nearest level; absent where there is no other way. */
  readonly nearestError?: number;
  /** The same with the rounding that was kept: never more. */
  readonly error?: number;
  /** Weights that are not rounded to the nearest level, of all `weights`. */
  readonly flipped: number;
  readonly weights: number;
  /** Why rounding stayed nearest, where it did. */
  readonly kept?: string;
}

/** Of the rectified sigmoid h(V) = clip(sigmoid(V) · (ζ − γ) + γ, 0, 1). */
const ZETA = 1.1;
const GAMMA = -0.1;
/** β of the regulariser, from loose to strict, by a cosine after a share of the steps without it. */
const LOOSE = 20;
const STRICT = 2;
const WARM_UP = 0.2;

/**
 * AdaRound: learns for each weight whether it is rounded up or down, layer by layer, each on what the layers before it, rounded
 * already, make of the images. It minimises
 *
 *     ‖y − ŷ(V)‖² + λ Σ (1 − |2 h(V) − 1|^β),   ŵ = s · (⌊w / s⌋ + h(V)),   h(V) = clip(sigmoid(V) (ζ − γ) + γ, 0, 1)
 *
 * where y is the layer's sum in full precision, without the activation behind it; β falls from 20 to 2. In the end each h is taken
 * to 0 or 1. Where that leaves a larger error over all images than rounding to the nearest level, the latter stays.
 *
 * Source: Nagel et al., "Up or down? Adaptive rounding for post-training quantization", arXiv 2004.10568, eqs. 21 to 25
 *
 * @param reference  the network in full precision, on an engine of its own, which also does the learning
 * @param lowered    `engine` holds its variables, and gets the rounded weights: latent weights that lie on their levels
 */
export async function learnRounding(
  reference: TrainedNetwork,
  lowered: { readonly model: PreparedModel; readonly engine: Engine },
  options: RoundingOptions & { readonly onLayer?: (learned: LearnedRounding) => void } = {},
): Promise<LearnedRounding[]> {
  const done: LearnedRounding[] = [];
  for (const { layer, weight } of lowered.model.quantization.layers) {
    if (!weight) continue;
    const learned = await roundLayer(reference, lowered, layer, options);
    done.push(learned);
    options.onLayer?.(learned);
  }
  return done;
}

async function roundLayer(
  reference: TrainedNetwork,
  { model, engine }: { readonly model: PreparedModel; readonly engine: Engine },
  name: string,
  options: RoundingOptions,
): Promise<LearnedRounding> {
  let found: LayerTensors | undefined;
  const inputOf = engine.compile(({ x }) => {
    found = model.layerTensors(x).find(({ layer }) => layer === name) as LayerTensors;
    return { rows: found.input };
  });
  let layer: WeightedLayer | undefined;
  const sumOf = reference.engine.compile(({ x }) => {
    const output = reference.model.forward(x, { training: false });
    layer = findLayers(output).find((each) => each.name === name) as WeightedLayer;
    return { rows: layer.node };
  });
  const data: Reconstruction = {
    x: await collect(inputOf, reference.images),
    y: await collect(sumOf, reference.images),
  };
  const { node } = layer as unknown as WeightedLayer;
  const { variable, quantizer } = (found as unknown as Required<LayerTensors>).weight;
  const choice = await readRounding(engine, quantizer, variable);
  const weights = elementsOf(variable.shape);
  if (typeof choice === "string") return { layer: name, flipped: 0, weights, kept: choice };
  const product = (x: Tensor, w: Tensor) => buildNode(node.op, [x, w], node.attributes, node.layer);
  const codes = await learnCodes(reference.engine, { data, choice, product, name }, options);
  const nearestError = await errorOf(reference.engine, data, product, choice, choice.nearest);
  const error = await errorOf(reference.engine, data, product, choice, codes);
  const stays = { layer: name, nearestError, error: nearestError, flipped: 0, weights };
  if (!(error < nearestError)) return { ...stays, kept: "the nearest levels leave a smaller error" };
  if (!(await writeCodes(engine, quantizer, variable, { codes, choice }))) {
    return { ...stays, kept: "the quantizer's scale would follow the rounded weights" };
  }
  const flipped = codes.reduce((count, code, i) => count + (code === choice.nearest[i] ? 0 : 1), 0);
  return { layer: name, nearestError, error, flipped, weights };
}

/** What a layer reads [N, …] in low precision, and what it summed up [N, M, …] in full. */
interface Reconstruction {
  readonly x: HostTensor;
  readonly y: HostTensor;
}

interface RoundingTask {
  readonly data: Reconstruction;
  readonly choice: RoundingChoice;
  readonly product: (x: Tensor, w: Tensor) => Tensor;
  readonly name: string;
}

/** Learns V by Adam, and rounds h(V): the code of each weight. */
async function learnCodes(
  engine: Engine,
  { data, choice, product, name }: RoundingTask,
  { steps = 400, batch = 32, learningRate = 0.01, regularisation = 0.01, seed = 0 }: RoundingOptions,
): Promise<Float32Array> {
  const { shape, fraction, isOpen, base, step, scale } = choice;
  const first = Float32Array.from(fraction, (each) => -Math.log((ZETA - GAMMA) / (each - GAMMA) - 1));
  const v = parameter(`${name}.rounding`, shape, first);
  const update = adam().forParameters([v]);
  const open = constantOf({ dtype: "f32", shape, data: Float32Array.from(isOpen) });
  const [lower, width] = [constantOf({ dtype: "f32", shape, data: base }), constantOf(scale)];
  const run = engine.compile(({ x, y, lambda, beta, rate }) => {
    const h = multiply(clip(add(multiply(sigmoid(v.tensor), ZETA - GAMMA), GAMMA), { min: 0, max: 1 }), open);
    const rounded = multiply(add(lower, multiply(h, step)), width);
    const places = y.shape[0] * elementsOf(y.shape.slice(2));
    const error = divide(sum(square(subtract(product(x, rounded), y))), places);
    const decided = exp(multiply(log(add(abs(subtract(multiply(h, 2), 1)), 1e-6)), beta)); // |2h − 1|^β
    const loss = add(error, multiply(sum(multiply(subtract(1, decided), open)), lambda));
    update.update(grad(loss, [v]), rate);
    return { loss };
  });
  const batches = imageOrder(data.x.shape[0], batch, seed, name);
  const number = (value: number): HostTensor => ({ dtype: "f32", shape: [], data: Float32Array.of(value) });
  for (let done = 0; done < steps; done++) {
    const rows = batches.next().value as Uint32Array;
    const past = (done / steps - WARM_UP) / (1 - WARM_UP);
    const beta = STRICT + ((LOOSE - STRICT) / 2) * (1 + Math.cos(Math.PI * Math.max(0, past)));
    const terms = { lambda: number(past < 0 ? 0 : regularisation), beta: number(beta), rate: number(learningRate) };
    await run({ x: rowsOf(data.x, rows), y: rowsOf(data.y, rows), ...terms });
  }
  const learned = await engine.read(v);
  return base.map((code, i) => (isOpen[i] && learned.data[i] >= 0 ? code + step : code)); // h(0) = 1/2
}

/** Images in one go where an error is summed up. */
const SUMMED_AT_ONCE = 64;

/** Mean over images and places of Σ_channels (y − ŷ)² with these codes. */
async function errorOf(
  engine: Engine,
  { x, y }: Reconstruction,
  product: RoundingTask["product"],
  { shape, scale }: RoundingChoice,
  codes: Float32Array,
): Promise<number> {
  const weight = multiply(constantOf({ dtype: "f32", shape, data: codes }), constantOf(scale));
  const run = engine.compile((batch) => ({ error: sum(square(subtract(product(batch.x, weight), batch.y))) }));
  const [N] = x.shape;
  let total = 0;
  for (let from = 0; from < N; from += SUMMED_AT_ONCE) {
    const rows = Uint32Array.from({ length: Math.min(SUMMED_AT_ONCE, N - from) }, (_, i) => from + i);
    total += (await run({ x: rowsOf(x, rows), y: rowsOf(y, rows) })).error.data[0];
  }
  return total / (N * elementsOf(y.shape.slice(2)));
}

/** What a compiled function makes of all batches, one behind the other. */
async function collect(
  run: (inputs: { x: HostTensor }) => Promise<{ rows: HostTensor }>,
  images: readonly HostTensor[],
): Promise<HostTensor> {
  const count = images.reduce((total, { shape }) => total + shape[0], 0);
  let all: Float32Array | undefined;
  let shape: readonly number[] = [];
  let at = 0;
  for (const x of images) {
    const { rows } = await run({ x });
    shape = rows.shape.slice(1);
    all ??= new Float32Array(count * elementsOf(shape));
    all.set(rows.data as Float32Array, at);
    at += rows.data.length;
  }
  return { dtype: "f32", shape: [count, ...shape], data: all ?? new Float32Array(0) };
}

function rowsOf({ shape, data }: HostTensor, rows: Uint32Array): HostTensor {
  const width = elementsOf(shape.slice(1));
  const picked = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    picked.set((data as Float32Array).subarray(row * width, (row + 1) * width), i * width);
  });
  return { dtype: "f32", shape: [rows.length, ...shape.slice(1)], data: picked };
}

/** Batches of image numbers without end: each time through all images in another order. */
function* imageOrder(count: number, batch: number, seed: number, name: string): Generator<Uint32Array> {
  const size = Math.min(batch, count);
  for (let round = 0; ; round++) {
    const order = permutation(count, createStream(seed, `rounding/${name}/${round}`));
    for (let from = 0; from + size <= count; from += size) yield order.subarray(from, from + size);
  }
}
