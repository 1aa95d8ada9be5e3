import { buildNode, divide, input, multiply, packCodes, rewrite, type Tensor, unpackCodes } from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { type BoundLayer, type BoundLayers, bindLayers } from "./bind-layers.js";
import type { QuantizedSlot } from "./diagnose-layers.js";
import { findLayers, weightOf } from "./find-layers.js";
import { type BoundQuantizer, type BoundWeight, formatOf, gridOf, termsOf, weightCodes } from "./grid.js";
import { initialiseLearned } from "./initialise-learned.js";
import { integerLayer, joinScales, withoutRoundTrip } from "./integer-layer.js";
import { type CodedLevels, packSavedMaps } from "./pack-saved-maps.js";
import { initialOf, planQuantization, type Quantization, type QuantizationOptions } from "./quantization.js";
import { quantizeEdge } from "./quantize-edge.js";
import type { Registry } from "./registry.js";

/** A model whose graph has fake quantization in it; trains, evaluates and is stored like any other. */
export interface PreparedModel extends Model {
  readonly quantization: Quantization;
  /** Every quantized weight and input of an evaluation of x [N, …inputShape], in the order of the layers. */
  slots(x: Tensor): QuantizedSlot[];
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
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  const weights = new Map(findLayers(output).map(({ name, weight }) => [name, weight]));
  const initial = await initialiseLearned(model, bound.layers, weights, { read, calibration });
  return preparedModel(model, quantization, bindLayers(model, quantization, registry, initial), options);
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
  { layers, variables }: BoundLayers,
  { trainingMemory = "packed" }: TrainingMemory,
): PreparedModel {
  const coded = new WeakMap<Tensor, CodedLevels>();
  return {
    name: model.name,
    options: model.options,
    inputShape: model.inputShape,
    variables: [...model.variables, ...variables],
    quantization,
    forward: (x, context) =>
      rewrite([model.forward(x, context)], (node, [edge, weight]) => {
        const layer = weightOf(node) && layers.get(node.layer);
        if (!layer) return undefined;
        return layer.weight && layer.input && !context.training
          ? integerLayer(node, edge, weight, layer as Required<BoundLayer>)
          : fakeQuantizedLayer(node, edge, weight, layer, context.training ? coded : undefined);
      })[0],
    slots: (x) => listSlots(model, layers, x),
    finishStep: (results, loss) =>
      trainingMemory === "fp32"
        ? [...results]
        : packSavedMaps(results, loss, { coded, recompute: trainingMemory === "recomputed" }),
  };
}

/** What `slots` lists. The layers before a slot compute as they do in evaluation. */
function listSlots(model: Model, layers: ReadonlyMap<string, BoundLayer>, x: Tensor): QuantizedSlot[] {
  const slots: QuantizedSlot[] = [];
  const note = (layer: string, slot: "weight" | "input", bound: BoundQuantizer, values: Tensor): Tensor => {
    const { quantizer, options } = bound;
    const { tensor: scale, held } = gridOf(bound, values);
    const levels = quantizer.fakeQuantize(values, options, scale, held);
    const codes = quantizer.toCodes(levels, options, scale, held);
    slots.push({ layer, slot, values, levels, codes, range: quantizer.codes(options) });
    return levels;
  };
  rewrite([model.forward(x, { training: false })], (node, [edge, weight]) => {
    const layer = weightOf(node) && layers.get(node.layer);
    if (!layer) return undefined;
    const { weight: own, input: read } = layer;
    const scaled = own && own.gain !== 1 ? divide(weight, own.gain) : weight;
    if (own) note(node.layer, "weight", own, scaled);
    if (read) quantizeEdge(edge, read, (values) => note(node.layer, "input", read, values));
    return fakeQuantizedLayer(node, edge, weight, layer);
  });
  return slots;
}

/** Levels times levels. In training the levels of the edge are noted in `coded`, with the codes that could stand for them. */
function fakeQuantizedLayer(
  node: Tensor,
  edge: Tensor,
  weight: Tensor,
  layer: BoundLayer,
  coded?: WeakMap<Tensor, CodedLevels>,
): Tensor {
  let [x, w] = [edge, weight];
  if (layer.input) {
    const bound = layer.input;
    const { quantizer, options } = bound;
    const format = formatOf(quantizer.codes(options));
    x = quantizeEdge(edge, bound, (values) => {
      const { tensor: scale, held } = gridOf(bound, values);
      const levels = quantizer.fakeQuantize(values, options, scale, held);
      const codes = withoutRoundTrip(quantizer.toCodes(levels, options, scale, held));
      coded?.set(levels, { codes, format, restore: (from) => quantizer.fromCodes(from, options, scale, held) });
      return levels;
    });
  }
  if (layer.weight) w = coded ? weightLevels(weight, layer.weight) : storedWeight(weight, layer.weight);
  return buildNode(node.op, [x, w], node.attributes, node.layer);
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
