import {
  ConfigurationError,
  input,
  matmul,
  parameter,
  type Shape,
  type Tensor,
  type Variable,
} from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { bindLearned } from "./bind-learned.js";
import { findLayers, type WeightedLayer } from "./find-layers.js";
import type { BoundQuantizer, BoundWeight } from "./grid.js";
import { windowOf } from "./output-scale.js";
import type { ChosenQuantizer, Quantization } from "./quantization.js";
import { type BoundGradient, gradientKey, gradientStep } from "./quantize-gradient.js";
import type { Registry } from "./registry.js";

/** A layer's quantizers, found and checked; a slot that is absent stays fp32. */
export interface BoundLayer {
  readonly weight?: BoundWeight;
  readonly input?: BoundQuantizer;
  /** [M]: what the layer adds to its output channels. */
  readonly correction?: Tensor;
  readonly gradient?: BoundGradient;
}

export interface BoundLayers {
  readonly layers: ReadonlyMap<string, BoundLayer>;
  /** Counts the steps in which gradients were rounded, where some are. */
  readonly gradientStep: Variable | undefined;
  /** What they learn or hold, and their corrections: "stage1.block0.conv1.input.step". */
  readonly variables: readonly Variable[];
}

/**
 * Finds the quantizers of a stored quantization and makes the variables that they learn.
 *
 * @param initial  the first values of those variables, by name; 1 where absent, for a checkpoint to overwrite
 * @throws {ConfigurationError} naming the layer: the model lacks it, the registry lacks its quantizer or has another version,
 *         or no integer kernel could do what is asked for
 */
export function bindLayers(
  model: Model,
  { layers, scaleLearningRate = 1, seed = 0 }: Quantization,
  registry: Registry,
  initial: ReadonlyMap<string, Float32Array> = new Map(),
): BoundLayers {
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  const known = new Map(findLayers(output).map((layer) => [layer.name, layer]));
  const variables: Variable[] = [];
  const learn = (slot: string, bound: Omit<BoundQuantizer, "learned">, shape: Shape) => {
    const own = bindLearned(slot, bound, shape, (name) => initial.get(name), scaleLearningRate);
    variables.push(...own.variables);
    const { learned, moved } = own;
    return { learned, ...(moved && { moved }) };
  };
  const addCorrection = ({ name, weight }: WeightedLayer): Tensor => {
    const variable = parameter(`${name}.correction`, [weight.shape[0]], () => new Float32Array(weight.shape[0]));
    variables.push(variable);
    return variable.tensor;
  };
  const bound = layers.map(({ layer: name, weight, input: edge, gradient, correction }) => {
    const layer = known.get(name);
    if (!layer) {
      const want = [...known.keys()].join(", ");
      throw new ConfigurationError(`${model.name} has no layer "${name}"`, { where: "quantization.layers", want });
    }
    checkProduct(layer);
    const found = {
      weight: weight && findQuantizer(name, weight, registry),
      edge: edge && findQuantizer(name, edge, registry),
      gradient: gradient && findQuantizer(name, gradient, registry),
    };
    if (found.weight) checkWeight(layer, found.weight);
    if (found.edge) checkInput(layer, found.edge);
    if (found.gradient) checkGradient(layer, found.gradient);
    const own: BoundLayer = {
      ...(weight &&
        found.weight && {
          weight: {
            ...found.weight,
            gain: weight.gain,
            ...learn(`${name}.weight`, found.weight, layer.weight.shape),
          },
        }),
      ...(found.edge && {
        input: { ...found.edge, ...learn(`${name}.input`, found.edge, layer.node.inputs[0].shape) },
      }),
      ...(correction && { correction: addCorrection(layer) }),
      ...(found.gradient && { gradient: { ...found.gradient, learned: {}, key: gradientKey(seed, name) } }),
    };
    return [name, own] as const;
  });
  const step = bound.some(([, { gradient }]) => gradient) ? gradientStep() : undefined;
  return { layers: new Map(bound), variables: step ? [...variables, step] : variables, gradientStep: step };
}

/**
 * The quantizer that a layer's description names.
 *
 * @throws {ConfigurationError} when the registry lacks it, or has another version of it
 */
export function findQuantizer(
  layer: string,
  { quantizer: name, version, options }: ChosenQuantizer,
  registry: Registry,
): Omit<BoundQuantizer, "learned"> {
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
}

function checkProduct({ name, node }: WeightedLayer): void {
  if (node.op !== matmul.declaration || (!node.attributes.transposeA && node.attributes.transposeB)) return;
  throw new ConfigurationError("only matmul(x [N, K], weight [M, K], { transposeB: true }) can be quantized", {
    layer: name,
  });
}

/** A scale joins the sum of an output channel afterwards, so nothing finer than that channel can have one, but for groups. */
function checkWeight({ name, node }: WeightedLayer, { quantizer, options }: Omit<BoundQuantizer, "learned">): void {
  const granularity = quantizer.granularity(options);
  if (granularity.kind === "per-channel" && granularity.axis !== 0) {
    throw new ConfigurationError(`the weight of layer "${name}" can't have a scale along axis ${granularity.axis}`, {
      layer: name,
      want: "axis 0, that of its output channels",
      got: granularity.axis,
    });
  }
  if (granularity.kind === "per-group" && (node.attributes.groups ?? 1) !== 1) {
    throw new ConfigurationError(`the weight of layer "${name}" can't have a scale for each group of inputs`, {
      layer: name,
      want: "a layer whose outputs read all of its inputs; this one is a convolution in groups",
      got: node.attributes.groups,
    });
  }
}

function checkInput({ name, node }: WeightedLayer, { quantizer, options }: Omit<BoundQuantizer, "learned">): void {
  checkOutputScale(name, node, { quantizer, options });
  const { kind } = quantizer.granularity(options);
  if (kind === "per-tensor") return;
  throw new ConfigurationError(`the input of layer "${name}" can't have more than one scale`, {
    layer: name,
    want: `${quantizer.name} per tensor: a sum runs over all input channels`,
    got: kind,
  });
}

/** What flows back is seen once, and by sample: nothing can be learned of it, nor observed before. */
function checkGradient({ name }: WeightedLayer, { quantizer, options }: Omit<BoundQuantizer, "learned">): void {
  const granularity = quantizer.granularity(options);
  const isBySample = granularity.kind === "per-channel" && granularity.axis === 0;
  const learned = Object.keys(quantizer.learned?.(options) ?? {});
  if ((granularity.kind === "per-tensor" || isBySample) && learned.length === 0) return;
  throw new ConfigurationError(`${quantizer.name} can't quantize the gradient of layer "${name}"`, {
    layer: name,
    want: "a quantizer that learns nothing, with one scale, or one for each sample (axis 0)",
    got: learned.length > 0 ? `it learns ${learned.join(", ")}` : granularity,
  });
}

/** A scale of each position is one for all channels, of a window without gaps. */
function checkOutputScale(name: string, node: Tensor, { quantizer, options }: Omit<BoundQuantizer, "learned">): void {
  const window = windowOf(node);
  if (!window || !quantizer.outputScale?.(input("inputs", node.inputs[0].shape), options, undefined)) return;
  const { groups, dilation } = node.attributes;
  const isPlain = groups === 1 && dilation.every((each: number) => each === 1);
  const isInside = window.padding.every((side, at) => side < window.window[at < 2 ? 0 : 1]);
  if (isPlain && isInside) return;
  throw new ConfigurationError(`layer "${name}" can't have a scale for each position of its input`, {
    layer: name,
    want: "a convolution without groups and dilation, with less padding than its window",
    got: { groups, dilation, padding: window.padding },
  });
}
