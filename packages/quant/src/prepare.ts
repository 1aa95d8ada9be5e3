import {
  accumulatorBound,
  buildNode,
  ConfigurationError,
  type Conv2dCodesOptions,
  cast,
  codeFormat,
  constantOf,
  conv2d,
  conv2dCodes,
  divide,
  matmul,
  multiply,
  packCodes,
  reshape,
  rewrite,
  roundHalfEven,
  roundStraightThrough,
  subtract,
  type Tensor,
  unpackCodes,
} from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import type { Quantizer } from "./define-quantizer.js";
import { seenThrough, weightOf } from "./find-layers.js";
import { type CodedLevels, packSavedMaps } from "./pack-saved-maps.js";
import {
  type ChosenQuantizer,
  type LayerQuantization,
  planQuantization,
  type Quantization,
  type QuantizationOptions,
  type ScaleValue,
  scaleOf,
  weightCodes,
} from "./quantization.js";
import type { Registry } from "./registry.js";

/** A model whose graph has fake quantization in it; trains, evaluates and is stored like any other. */
export interface PreparedModel extends Model {
  readonly quantization: Quantization;
}

interface BoundQuantizer {
  readonly quantizer: Quantizer;
  readonly options: unknown;
}

interface BoundLayer {
  readonly weight?: BoundQuantizer & { readonly gain: number };
  readonly input?: BoundQuantizer;
}

/** Sums of integers are exact in float32 up to here, whatever their order. */
const EXACT_IN_F32 = 2 ** 24;

/**
 * Makes a model train in low precision. In training the weights and inputs of the chosen layers are fake-quantized; in
 * evaluation the same layers multiply whole numbers and scale the sum once, exactly as the packed network will.
 */
export async function prepare(
  model: Model,
  options: QuantizationOptions & { registry: Registry } & TrainingMemory,
): Promise<PreparedModel> {
  return applyQuantization(model, await planQuantization(model, options), options.registry, options);
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
 * The prepared model that a stored quantization describes.
 *
 * @throws {ConfigurationError} when the registry lacks a quantizer, has another version of it, or a layer is unknown
 */
export function applyQuantization(
  model: Model,
  quantization: Quantization,
  registry: Registry,
  { trainingMemory = "packed" }: TrainingMemory = {},
): PreparedModel {
  const coded = new WeakMap<Tensor, CodedLevels>();
  const layers = new Map(quantization.layers.map((each) => [each.layer, bindLayer(each, registry)]));
  return {
    name: model.name,
    options: model.options,
    inputShape: model.inputShape,
    variables: model.variables,
    quantization,
    forward: (x, context) => {
      const open = new Set(layers.keys());
      const [output] = rewrite([model.forward(x, context)], (node, [edge, weight]) => {
        const layer = weightOf(node) && layers.get(node.layer);
        if (!layer) return undefined;
        open.delete(node.layer);
        return layer.weight && layer.input && !context.training
          ? integerLayer(node, edge, weight, layer as Required<BoundLayer>)
          : fakeQuantizedLayer(node, edge, weight, layer, context.training ? coded : undefined);
      });
      const [unknown] = open;
      if (unknown !== undefined) {
        throw new ConfigurationError(`${model.name} has no layer "${unknown}"`, { where: "quantization.layers" });
      }
      return output;
    },
    finishStep: (results, loss) =>
      trainingMemory === "fp32"
        ? [...results]
        : packSavedMaps(results, loss, { coded, recompute: trainingMemory === "recomputed" }),
  };
}

function bindLayer({ layer, weight, input }: LayerQuantization, registry: Registry): BoundLayer {
  const bind = ({ quantizer: name, version, options }: ChosenQuantizer): BoundQuantizer => {
    const quantizer = registry.quantizer(name);
    if (quantizer.version !== version) {
      throw new ConfigurationError(`layer "${layer}" was quantized by ${name} version ${version}`, {
        layer,
        want: `version ${version}`,
        got: quantizer.version,
        hint: `install the package that has ${name} version ${version}`,
      });
    }
    return { quantizer, options };
  };
  return { ...(weight && { weight: { ...bind(weight), gain: weight.gain } }), ...(input && { input: bind(input) }) };
}

/**
 * What a quantizer makes of an edge. Max pool, reshape and concat commute with it, so it moves before them; some take the
 * place of ReLU.
 */
function quantizeEdge(edge: Tensor, replacesRelu: boolean, quantize: (values: Tensor) => Tensor): Tensor {
  if (seenThrough.has(edge.op.name)) {
    const inputs = edge.inputs.map((input) => quantizeEdge(input, replacesRelu, quantize));
    return buildNode(edge.op, inputs, edge.attributes, edge.layer);
  }
  return quantize(replacesRelu && edge.op.name === "relu" ? edge.inputs[0] : edge);
}

/** A clip that starts at 0 does what ReLU does; signs, with no 0 between them, would all be +1 behind it. */
function replacesRelu({ quantizer, options }: BoundQuantizer): boolean {
  const { kind, min } = quantizer.codes(options);
  return kind === "bipolar" || min >= 0;
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
    const { quantizer, options } = layer.input;
    const format = formatOf(layer.input);
    x = quantizeEdge(edge, replacesRelu(layer.input), (values) => {
      const { tensor: scale, held } = scaleOf(quantizer, values, options);
      const levels = quantizer.fakeQuantize(values, options, scale, held);
      const codes = withoutRoundTrip(quantizer.toCodes(levels, options, scale, held));
      coded?.set(levels, { codes, format, restore: (from) => quantizer.fromCodes(from, options, scale, held) });
      return levels;
    });
  }
  if (layer.weight) w = coded ? weightLevels(weight, layer.weight) : storedWeight(weight, layer.weight);
  return buildNode(node.op, [x, w], node.attributes, node.layer);
}

type BoundWeight = Required<BoundLayer>["weight"];

function weightLevels(weight: Tensor, { quantizer, options, gain }: BoundWeight): Tensor {
  const { levels } = weightCodes(quantizer, weight, options, gain);
  return gain === 1 ? levels : multiply(levels, gain);
}

/** A weight whose input stays fp32, as evaluation reads it: codes that conversion stores packed, times their scale. */
function storedWeight(weight: Tensor, bound: BoundWeight): Tensor {
  const { codes, scale } = weightCodes(bound.quantizer, weight, bound.options, bound.gain);
  const format = formatOf(bound);
  return multiply(unpackCodes(packCodes(codes, { format }), { format }), joinScales(bound.gain, scale, { held: {} }));
}

/** y = (Σ code_w · code_x) · (g · scale_w · scale_x): whole numbers, exact, then one multiplication. */
function integerLayer(node: Tensor, edge: Tensor, weight: Tensor, layer: Required<BoundLayer>): Tensor {
  const { quantizer, options } = layer.input;
  let inputScale: ScaleValue = { held: {} };
  const codes = quantizeEdge(edge, replacesRelu(layer.input), (values) => {
    inputScale = scaleOf(quantizer, values, options);
    const { tensor: scale, held } = inputScale;
    const levels = quantizer.fakeQuantize(values, options, scale, held);
    return withoutRoundTrip(quantizer.toCodes(levels, options, scale, held));
  });
  const { codes: wCodes, scale } = weightCodes(layer.weight.quantizer, weight, layer.weight.options, layer.weight.gain);
  const formats = { x: formatOf(layer.input), w: formatOf(layer.weight) };
  const sums = sumCodes(node, codes, wCodes, formats);
  const factor = joinScales(layer.weight.gain, scale, inputScale);
  const spread = typeof factor === "number" ? factor : alongChannels(factor, node);
  return multiply(sums, spread);
}

/**
 * round((r / n) · n) is r where r is a whole number of at most 8 bits already: the two roundings of float32 move it by
 * less than a half. Levels are only passed through here, so their division and multiplication can go.
 */
function withoutRoundTrip(codes: Tensor): Tensor {
  const isRounded = (node: Tensor) =>
    node.op === roundHalfEven.declaration || node.op === roundStraightThrough.declaration;
  const product = codes.inputs[0];
  const quotient = product?.inputs[0];
  const isRoundTrip =
    isRounded(codes) &&
    product.op === multiply.declaration &&
    quotient.op === divide.declaration &&
    isSameScalar(product.inputs[1], quotient.inputs[1]) &&
    isRounded(quotient.inputs[0]);
  return isRoundTrip ? quotient.inputs[0] : codes;
}

function isSameScalar(a: Tensor, b: Tensor): boolean {
  const isScalar = a.op.name === "constant" && b.op.name === "constant" && a.shape.length === 0 && b.shape.length === 0;
  return isScalar && a.attributes.data[0] === b.attributes.data[0];
}

function formatOf({ quantizer, options }: BoundQuantizer) {
  const { kind, min, max } = quantizer.codes(options);
  return codeFormat(kind, min, max);
}

/** g · scale_w · scale_x in this order, in float32: part of the fixed epilogue. */
function joinScales(gain: number, weight: ScaleValue, input: ScaleValue): Tensor | number {
  const factors = [gain, weight.tensor ?? weight.constant ?? 1, input.tensor ?? input.constant ?? 1];
  if (factors.every((factor) => typeof factor === "number")) {
    return factors.reduce((product, factor) => Math.fround(product * Math.fround(factor)), 1);
  }
  return factors.reduce<Tensor>((product, factor) => multiply(product, factor), constantOf(1));
}

/** A scale of one value, or one for each output channel, as it stretches over the layer's output. */
function alongChannels(scale: Tensor, node: Tensor): Tensor {
  return reshape(scale, { shape: node.op === conv2d.declaration ? [-1, 1, 1] : [-1] });
}

/** Σ code_w · code_x of a convolution or a matrix product, as f32: integers where they are exact in it, int32 beyond. */
function sumCodes(node: Tensor, x: Tensor, w: Tensor, formats: Pick<Conv2dCodesOptions, "x" | "w">): Tensor {
  if (node.op === matmul.declaration) {
    if (node.attributes.transposeA || !node.attributes.transposeB) {
      throw new ConfigurationError("only matmul(x [N, K], weight [M, K], { transposeB: true }) can be quantized", {
        layer: node.layer,
      });
    }
    const [M, K] = w.shape;
    const image = reshape(x, { shape: [-1, K, 1, 1] });
    const y = convolveCodes(node.layer, image, reshape(w, { shape: [M, K, 1, 1] }), formats);
    return reshape(y, { shape: [-1, M] });
  }
  const { stride, padding, dilation, groups } = node.attributes;
  return convolveCodes(node.layer, x, w, { ...formats, stride, padding, dilation, groups });
}

function convolveCodes(layer: string, x: Tensor, w: Tensor, options: Conv2dCodesOptions): Tensor {
  if (accumulatorBound(w.shape, options) < EXACT_IN_F32)
    return buildNode(conv2dCodes.declaration, [x, w], options, layer);
  return packedConvolution(layer, x, w, options);
}

/** The same sum over packed codes, in int32. */
export function packedConvolution(layer: string, x: Tensor, w: Tensor, options: Conv2dCodesOptions): Tensor {
  const packed = packCodes(w, { format: options.w });
  const sums = buildNode(conv2dCodes.declaration, [toFields(x, options.x), packed], options, layer);
  return cast(sums, { dtype: "f32" });
}

/** Codes held in f32 as u8 fields, made before max pool, reshape and concat, so that these move bytes. */
function toFields(codes: Tensor, format: Conv2dCodesOptions["x"]): Tensor {
  if (seenThrough.has(codes.op.name)) {
    const inputs = codes.inputs.map((input) => toFields(input, format));
    return buildNode(codes.op, inputs, codes.attributes, codes.layer);
  }
  const shifted = format.offset === 0 ? codes : subtract(codes, format.offset);
  const fields = format.step === 1 ? shifted : multiply(shifted, 1 / format.step);
  return cast(fields, { dtype: "u8" });
}
