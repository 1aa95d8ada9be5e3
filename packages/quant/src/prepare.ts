import {
  add,
  assign,
  buildNode,
  conv2d,
  divide,
  type Engine,
  type HostTensor,
  inLayer,
  input,
  multiply,
  packCodes,
  reshape,
  type Tensor,
  unpackCodes,
  type Variable,
} from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { type BoundLayer, type BoundLayers, bindLayers } from "./bind-layers.js";
import type { QuantizedSlot } from "./diagnose-layers.js";
import { findLayers, weightOf } from "./find-layers.js";
import { type LayerRule, rewriteLayers } from "./fold-batch-norm.js";
import {
  type BoundQuantizer,
  type BoundWeight,
  formatOf,
  gridOf,
  type MovedNumber,
  termsOf,
  weightCodes,
} from "./grid.js";
import { initialiseLearned } from "./initialise-learned.js";
import { integerLayer, joinScales, withoutRoundTrip } from "./integer-layer.js";
import { neededValues } from "./needed-values.js";
import { withOutputScale } from "./output-scale.js";
import { type CodedLevels, packSavedMaps } from "./pack-saved-maps.js";
import { initialOf, planQuantization, type Quantization, type QuantizationOptions } from "./quantization.js";
import { quantizeEdge } from "./quantize-edge.js";
import { countStep, quantizeGradient } from "./quantize-gradient.js";
import type { Registry } from "./registry.js";

/** A model whose graph has fake quantization in it; trains, evaluates and is stored like any other. */
export interface PreparedModel extends Model {
  readonly quantization: Quantization;
  /** The same network, of the same variables, with nothing quantized: what a training may begin with. */
  readonly fullPrecision: Model;
  /** Every quantized weight and input of an evaluation of x [N, …inputShape], in the order of the layers. */
  slots(x: Tensor): QuantizedSlot[];
  /** What an evaluation of x multiplies, layer by layer, those that stay fp32 included. */
  operands(x: Tensor): LayerOperands[];
  /**
   * Sets what quantizers learn to its first values for the weights as the engine has them now, as `prepare` did for initial ones.
   * The constants g of static grids stay what they are.
   *
   * @param calibration  images [N, …inputShape], normalised as those of training
   */
  startLearned(engine: Engine, calibration: HostTensor): Promise<void>;
  /** What every quantized layer reads and sums up in an evaluation of x [N, …inputShape], in the order of the layers. */
  layerTensors(x: Tensor): LayerTensors[];
}

/** The two operands of a layer, quantized where they are. */
export interface LayerOperands {
  readonly layer: string;
  readonly weight: Tensor;
  readonly input: Tensor;
}

/** A layer in the graph of an evaluation. */
export interface LayerTensors {
  readonly layer: string;
  /** The levels that its input is quantized to; the values themselves where it stays fp32. */
  readonly input: Tensor;
  /** [N, M, …]: its sum with its correction, before a bias or whatever comes after it. */
  readonly output: Tensor;
  /** Absent where the weight stays fp32. */
  readonly weight?: { readonly variable: Variable; readonly quantizer: BoundWeight };
}

/**
 * Makes a model train in low precision. In training the weights and inputs of the chosen layers are fake-quantized; in
 * evaluation the same layers multiply whole numbers and scale the sum once, exactly as the packed network will.
 *
 * What quantizers learn joins the model's variables, and starts from the weights as they are and from what the calibration
 * images make of the inputs.
 */
export async function prepare(
  model: Model,
  options: QuantizationOptions & { registry: Registry } & TrainingMemory,
): Promise<PreparedModel> {
  const { registry, read = initialOf, calibration } = options;
  const quantization = await planQuantization(model, options);
  const bound = bindLayers(model, quantization, registry);
  if (bound.variables.length === 0) return preparedModel(model, quantization, bound, options);
  const initial = await initialiseLearned(model, bound.layers, weightsOf(model), { read, calibration });
  return preparedModel(model, quantization, bindLayers(model, quantization, registry, initial), options);
}

/** The latent weights of a model, by the name of their layer. */
function weightsOf(model: Model): Map<string, Variable> {
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  return new Map(findLayers(output).map(({ name, weight }) => [name, weight]));
}

/** What a training step keeps for its backward pass. The gradients are the same, bit for bit. */
export interface TrainingMemory {
  /**
   * "packed": the codes of quantized edges in k bits and the masks of their clips in one; "recomputed": batch norm's input
   * is computed again from them as well, which costs another forward pass; "fp32": float32 maps. "packed" where absent.
   */
  readonly trainingMemory?: "packed" | "recomputed" | "fp32";
}

/**
 * The prepared model that a stored quantization describes. What its quantizers learn is 1 until a checkpoint is restored.
 *
 * @throws {ConfigurationError} when the registry lacks a quantizer, has another version of it, or a layer is unknown or can't
 *         have what is asked for
 */
export function applyQuantization(
  model: Model,
  quantization: Quantization,
  registry: Registry,
  options: TrainingMemory = {},
): PreparedModel {
  return preparedModel(model, quantization, bindLayers(model, quantization, registry), options);
}

function preparedModel(
  model: Model,
  quantization: Quantization,
  { layers, variables, gradientStep }: BoundLayers,
  { trainingMemory = "packed" }: TrainingMemory,
): PreparedModel {
  const coded = new WeakMap<Tensor, CodedLevels>();
  const folds = quantization.foldsBatchNorm === true;
  const evaluated: EvaluatedModel = {
    layers,
    foldsBatchNorm: folds,
    forward: (x) => model.forward(x, { training: false }),
  };
  return {
    name: model.name,
    options: model.options,
    inputShape: model.inputShape,
    variables: [...model.variables, ...variables],
    quantization,
    forward: (x, context) => {
      if (context.training && gradientStep) countStep(gradientStep);
      if (!context.training) return evaluate(evaluated, x);
      const foldsBatchNorm = folds && context.frozenBatchNorm === true;
      const moved: MovedNumber[] = [];
      const rule: LayerRule = (node, { edge, weight }, layer) => {
        if (!layer) return undefined;
        const output = fakeQuantizedLayer(node, edge, weight, layer, { coded, moved });
        const { gradient } = layer;
        if (!gradient || !gradientStep) return output;
        return inLayer(node.layer, () => quantizeGradient(output, gradient, gradientStep));
      };
      const output = rewriteLayers(model.forward(x, context), { layers, foldsBatchNorm }, rule);
      for (const { variable, value } of moved) assign(variable, value); // a rewriting would go through what is assigned
      return output;
    },
    fullPrecision: model,
    layerTensors: (x) => listLayerTensors(evaluated, x),
    slots: (x) => listSlots(evaluated, x),
    operands: (x) => listOperands(evaluated, x),
    startLearned: async (engine, calibration) => {
      if (variables.length === 0) return;
      const read = (variable: Variable) => engine.read(variable);
      const values = await initialiseLearned(model, layers, weightsOf(model), { read, calibration });
      for (const variable of variables) {
        const data = values.get(variable.name);
        if (data) await engine.write(variable, { dtype: "f32", shape: variable.shape, data });
      }
    },
    finishStep: (results, loss) =>
      trainingMemory === "fp32"
        ? [...results]
        : packSavedMaps(results, loss, { coded, recompute: trainingMemory === "recomputed" }),
  };
}

/** The graph of an evaluation with nothing quantized yet, and what is to sit on its layers. */
interface EvaluatedModel {
  readonly layers: ReadonlyMap<string, BoundLayer>;
  readonly foldsBatchNorm: boolean;
  readonly forward: (x: Tensor) => Tensor;
}

/** The network as it computes in evaluation; `note` hears of each layer and what became of it. */
function evaluate(
  model: EvaluatedModel,
  x: Tensor,
  note: (node: Tensor, edge: Tensor, layer: BoundLayer, output: Tensor) => void = () => {},
): Tensor {
  const network = model.forward(x);
  const readsCodes = (node: Tensor) =>
    weightOf(node) !== undefined && model.layers.get(node.layer)?.input !== undefined;
  const needed = neededValues(network, readsCodes);
  const computed = new Set<Tensor>();
  const lower: LayerRule = (node, { edge, weight }, layer) => {
    if (!layer) return undefined;
    const output = evaluatedLayer(node, edge, weight, layer, computed);
    note(node, edge, layer, output);
    return output;
  };
  return rewriteLayers(network, model, lower, (node, inputs) => {
    if (node.op.name !== "maxPool2d" || !needed.has(node)) return undefined;
    const pool = buildNode(node.op, inputs, node.attributes, node.layer);
    computed.add(pool);
    return pool;
  });
}

/** As the packed network computes it: whole numbers where codes meet codes. */
function evaluatedLayer(
  node: Tensor,
  edge: Tensor,
  weight: Tensor,
  layer: BoundLayer,
  computed: ReadonlySet<Tensor>,
): Tensor {
  const { weight: own, input: read } = layer;
  if (!own || !read) return fakeQuantizedLayer(node, edge, weight, layer);
  return corrected(node, integerLayer(node, edge, weight, { weight: own, input: read }, computed), layer);
}

/** The sum of a layer and the number that it adds to each output channel. */
function corrected(node: Tensor, sums: Tensor, { correction }: BoundLayer): Tensor {
  if (!correction) return sums;
  return add(sums, reshape(correction, { shape: node.op === conv2d.declaration ? [-1, 1, 1] : [-1] }));
}

function listLayerTensors(model: EvaluatedModel, x: Tensor): LayerTensors[] {
  const found: LayerTensors[] = [];
  evaluate(model, x, (node, edge, layer, output) =>
    found.push({
      ...{ layer: node.layer, input: layer.input ? edgeLevels(edge, layer.input) : edge, output },
      ...(layer.weight && { weight: { variable: weightOf(node) as Variable, quantizer: layer.weight } }),
    }),
  );
  return found;
}

function edgeLevels(edge: Tensor, bound: BoundQuantizer): Tensor {
  return quantizeEdge(edge, bound, (values) => {
    const { tensor: scale, held } = gridOf(bound, values);
    return bound.quantizer.fakeQuantize(values, bound.options, scale, held);
  });
}

/** What `slots` lists. The layers before a slot compute as they do in evaluation. */
function listSlots(model: EvaluatedModel, x: Tensor): QuantizedSlot[] {
  const slots: QuantizedSlot[] = [];
  const note = (layer: string, slot: "weight" | "input", bound: BoundQuantizer, values: Tensor): Tensor => {
    const { quantizer, options } = bound;
    const { tensor: scale, held } = gridOf(bound, values);
    const levels = quantizer.fakeQuantize(values, options, scale, held);
    const codes = quantizer.toCodes(levels, options, scale, held);
    slots.push({ layer, slot, values, levels, codes, range: quantizer.codes(options) });
    return levels;
  };
  rewriteLayers(model.forward(x), model, (node, { edge, weight }, layer) => {
    if (!layer) return undefined;
    const { weight: own, input: read } = layer;
    const scaled = own && own.gain !== 1 ? divide(weight, own.gain) : weight;
    if (own) note(node.layer, "weight", own, scaled);
    if (read) quantizeEdge(edge, read, (values) => note(node.layer, "input", read, values));
    return fakeQuantizedLayer(node, edge, weight, layer);
  });
  return slots;
}

/** What `operands` lists. */
function listOperands(model: EvaluatedModel, x: Tensor): LayerOperands[] {
  const operands: LayerOperands[] = [];
  rewriteLayers(model.forward(x), model, (node, { edge, weight }, layer = {}) => {
    const product = fakeQuantizedLayer(node, edge, weight, layer);
    operands.push({
      layer: node.layer || (weightOf(node) as Variable).name,
      weight: product.inputs[1],
      input: product.inputs[0],
    });
    return product;
  });
  return operands;
}

/** What a training notes of its layers beside computing them. */
interface TrainingNotes {
  /** The levels of edges, with the codes that could stand for them. */
  readonly coded: WeakMap<Tensor, CodedLevels>;
  /** What becomes of the numbers that follow what quantizers meet. */
  readonly moved: MovedNumber[];
}

/** Levels times levels; with notes in training. */
function fakeQuantizedLayer(
  node: Tensor,
  edge: Tensor,
  weight: Tensor,
  layer: BoundLayer,
  training?: TrainingNotes,
): Tensor {
  let [x, w] = [edge, weight];
  const note = (bound: BoundQuantizer, values: readonly Tensor[]) =>
    inLayer(node.layer, () => training?.moved.push(...(bound.moved?.(values) ?? [])));
  if (layer.input) {
    const bound = layer.input;
    const { quantizer, options } = bound;
    const format = formatOf(quantizer.codes(options));
    const met: Tensor[] = [];
    x = quantizeEdge(edge, bound, (values) => {
      met.push(values);
      const { tensor: scale, held } = gridOf(bound, values);
      const levels = quantizer.fakeQuantize(values, options, scale, held);
      const codes = withoutRoundTrip(quantizer.toCodes(levels, options, scale, held));
      training?.coded.set(levels, {
        codes,
        format,
        restore: (from) => quantizer.fromCodes(from, options, scale, held),
      });
      return levels;
    });
    note(bound, met);
  }
  if (layer.weight) {
    w = training ? weightLevels(weight, layer.weight) : storedWeight(weight, layer.weight);
    note(layer.weight, [layer.weight.gain === 1 ? weight : divide(weight, layer.weight.gain)]);
  }
  const sums = buildNode(node.op, [x, w], node.attributes, node.layer);
  return corrected(node, withOutputScale(node, edge, layer.input, sums), layer);
}

function weightLevels(weight: Tensor, bound: BoundWeight): Tensor {
  const { levels } = weightCodes(bound, weight);
  return bound.gain === 1 ? levels : multiply(levels, bound.gain);
}

/** A weight whose input stays fp32, as evaluation reads it: codes that conversion stores packed, times their scale. */
function storedWeight(weight: Tensor, bound: BoundWeight): Tensor {
  const { quantizer, options, gain } = bound;
  const { codes, grid } = weightCodes(bound, weight);
  const format = formatOf(quantizer.codes(options));
  const stored = unpackCodes(packCodes(codes, { format }), { format });
  if (quantizer.terms) {
    const levels = quantizer.fromCodes(stored, options, grid.tensor, grid.held);
    return gain === 1 ? levels : multiply(levels, gain);
  }
  const [{ scale }] = termsOf(bound, codes, grid);
  return multiply(stored, joinScales(gain, scale, 1));
}
