import {
  ConfigurationError,
  constantOf,
  createEngine,
  type HostTensor,
  input,
  type Variable,
} from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { checkFoldable, type QuantizedWeight } from "./check-foldable.js";
import type { Quantizer } from "./define-quantizer.js";
import type { Scheme, SchemeChoice, SchemeRequest } from "./define-scheme.js";
import { findLayers, type WeightedLayer } from "./find-layers.js";
import { weightCodes } from "./grid.js";
import { firstLearned } from "./learned-values.js";
import { atPlace, bindOverrides, type LayerOverride, type LayerSlot } from "./overrides.js";
import { parsePrecision } from "./precision.js";
import type { Registry } from "./registry.js";

/** A quantizer with its options by name: what a checkpoint stores, and what a registry turns into code again. */
export interface ChosenQuantizer {
  readonly quantizer: string;
  readonly version: number;
  readonly options: unknown;
}

/** The quantizer of a weight. */
export interface ChosenWeight extends ChosenQuantizer {
  /** The constant g of a static grid: w is quantized as g · q(w / g). 1 is the quantizer as printed. */
  readonly gain: number;
  /** g is a variable of the layer that starts from `gain`; recurrent layers know it. */
  readonly learned?: boolean;
}

/** What one layer's edges go through; a slot that is absent stays fp32. */
export interface LayerQuantization {
  readonly layer: string;
  readonly weight?: ChosenWeight;
  readonly input?: ChosenQuantizer;
  /** The layer adds a number of its own to each output channel, which makes up for what low precision shifts; not where absent. */
  readonly correction?: boolean;
  /** What flows back into the layer's output, in training. */
  readonly gradient?: ChosenQuantizer;
  /** Of recurrent layers: the matrices that read the state, the state itself, what is behind sigmoid and tanh, the LSTM's cell. */
  readonly recurrent?: ChosenWeight;
  readonly state?: ChosenQuantizer;
  readonly sigmoidGate?: ChosenQuantizer;
  readonly tanhGate?: ChosenQuantizer;
  readonly cell?: ChosenQuantizer;
}

/** How a model is quantized, as plain JSON. */
export interface Quantization {
  readonly scheme: string;
  readonly schemeVersion: number;
  /** What was decided beside the bits, where the scheme has something to decide. */
  readonly schemeOptions?: unknown;
  readonly precision: string;
  /** What the learning rate is multiplied by for all that quantizers learn; 1 where absent. */
  readonly scaleLearningRate?: number;
  /** Of the numbers by which gradients are rounded; 0 where absent. */
  readonly seed?: number;
  /** Batch norm right behind a layer goes into its weights before they are quantized: in evaluation, and in training where it is frozen. */
  readonly foldsBatchNorm?: boolean;
  readonly layers: readonly LayerQuantization[];
}

export interface QuantizationOptions {
  /** "w2a2": bits of weights and of layer inputs; 32 leaves a side alone; "fp32" both; "w1a2g6": 6 bits for gradients. */
  readonly precision: string;
  readonly scheme: Scheme;
  /** What some layers get instead, by name or pattern: the first that matches counts, also for the first and last layer. */
  readonly overrides?: readonly LayerOverride[];
  /** Finds the schemes and quantizers that overrides name. */
  readonly registry?: Registry;
  /** Give each quantized layer a correction, 0 at first: a number that it adds to each output channel. */
  readonly correction?: boolean;
  /** Quantize the first or the last layer too; both stay fp32 where absent. */
  readonly firstLayer?: boolean;
  readonly lastLayer?: boolean;
  /**
   * The constant g of static weight grids: "auto" is 2 · std(w) of the layer as it is now, so that weights of a usual
   * initialisation use all levels; a number is taken for every layer, 1 for the formula as printed.
   */
  readonly gain?: "auto" | number;
  /** What the learning rate is multiplied by for all that quantizers learn; 1 where absent. */
  readonly scaleLearningRate?: number;
  /** Of the numbers by which gradients are rounded; 0 where absent. */
  readonly seed?: number;
  /**
   * Multiply batch norm into the weights of the layer right before it, which are quantized then: in evaluation from the first epoch
   * on, in training where batch norm is frozen (`train({ frozenBatchNormEpochs })`). Batch norm stays beside the layer where absent.
   */
  readonly foldBatchNorm?: boolean;
  /** Images [N, C, H, W], normalised as those of training: what is learned of inputs takes its first values from them. */
  readonly calibration?: HostTensor;
  /** The values of a weight now; its initial ones where absent. */
  readonly read?: (variable: Variable) => Promise<HostTensor>;
  /** Told what may go wrong: a layer whose codes are all 0, a network in which nothing was quantized. */
  readonly warn?: (message: string) => void;
}

/** The standard deviation, in float64. */
function deviationOf({ data }: HostTensor): number {
  const values = Array.from(data);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** The values that a variable begins with. */
export const initialOf = async ({ dtype, shape, initial }: Variable): Promise<HostTensor> => ({
  dtype,
  shape,
  data: initial,
});

/**
 * Decides for every layer of a model which quantizer its weight and its input go through, as plain JSON.
 *
 * First layers (those that read the model's input) and last ones stay fp32 unless told otherwise.
 *
 * @throws {ConfigurationError} for a precision that the scheme has not, a gain that is no positive number, an override that
 *         names what nobody knows or no layer, or batch norm that can't be folded; names the layer or the override
 */
export async function planQuantization(model: Model, options: QuantizationOptions): Promise<Quantization> {
  const { scheme, gain = "auto", read = initialOf, warn = () => undefined } = options;
  const bits = parsePrecision(options.precision);
  if (gain !== "auto" && !(Number.isFinite(gain) && gain > 0)) {
    throw new ConfigurationError(`gain ${gain} is no scale`, { where: "gain", want: '"auto" or a number above 0' });
  }
  const { scaleLearningRate } = options;
  if (scaleLearningRate !== undefined && !(Number.isFinite(scaleLearningRate) && scaleLearningRate > 0)) {
    throw new ConfigurationError(`scaleLearningRate ${scaleLearningRate} is no factor`, {
      where: "scaleLearningRate",
      want: "a number above 0",
    });
  }
  const overrides = bindOverrides(options.overrides ?? [], options.registry);
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  const found = findLayers(output);
  for (const { place, matches } of overrides) {
    if (found.some(({ name }) => matches(name))) continue;
    throw new ConfigurationError(`${place} matches no layer of ${model.name}`, {
      where: place,
      want: `one of ${found.map(({ name }) => name).join(", ")}, or a pattern such as stage1.*`,
    });
  }
  const layers: LayerQuantization[] = [];
  const weights: QuantizedWeight[] = [];
  for (const layer of found) {
    const override = overrides.find(({ matches }) => matches(layer.name));
    const isLeftAlone = (layer.isFirst && !options.firstLayer) || (layer.isLast && !options.lastLayer);
    if (isLeftAlone && !override) continue;
    const own = override?.precision ?? bits;
    const choose = (slot: LayerSlot, request: SchemeRequest) =>
      atPlace(`layer "${layer.name}"`, () => {
        const choice = override?.choose(slot, request) ?? scheme.choose(slot, request);
        return choice === "fp32" ? undefined : choice;
      });
    const weight = await chooseWeight(layer, choose("weight", { bits: own.weightBits, signed: true }), gain, read);
    const chosen = choose("input", { bits: own.inputBits, signed: !layer.readsUnsigned });
    const gradient = choose("gradient", { bits: own.gradientBits ?? 32, signed: true });
    if (weight) {
      await warnOfDeadLayer(layer, weight.quantizer, weight.entry, read, warn);
      const { quantizer, entry } = weight;
      weights.push({ layer, quantizer, options: entry.options });
    }
    const entry = {
      ...(weight && { weight: weight.entry }),
      ...(chosen && { input: describe(chosen) }),
      ...(gradient && { gradient: describe(gradient) }),
      ...(options.correction && { correction: true }),
    };
    if (weight || chosen || gradient) layers.push({ layer: layer.name, ...entry });
  }
  if (options.foldBatchNorm) await checkFoldable(model.name, output, weights, read);
  if (layers.length === 0 && bits.name !== "fp32") {
    warn(`nothing was quantized: ${model.name} has no layer between its first and its last`);
  }
  return {
    scheme: scheme.name,
    schemeVersion: scheme.version,
    ...(Object.keys(scheme.decided ?? {}).length > 0 && { schemeOptions: scheme.decided }),
    precision: options.precision,
    ...(scaleLearningRate !== undefined && { scaleLearningRate }),
    ...(options.foldBatchNorm && { foldsBatchNorm: true }),
    ...(options.seed !== undefined && layers.some(({ gradient }) => gradient) && { seed: options.seed }),
    layers,
  };
}

const describe = ({ quantizer, options }: { quantizer: Quantizer; options: unknown }): ChosenQuantizer => ({
  quantizer: quantizer.name,
  version: quantizer.version,
  options,
});

async function chooseWeight(
  layer: WeightedLayer,
  chosen: SchemeChoice | undefined,
  gain: "auto" | number,
  read: (variable: Variable) => Promise<HostTensor>,
) {
  if (!chosen) return undefined;
  const { quantizer } = chosen;
  const isStatic = quantizer.scale(chosen.options).kind === "constant" && !quantizer.statistics;
  const automatic = async () => Math.fround(2 * deviationOf(await read(layer.weight))) || 1;
  const own = !isStatic ? 1 : gain === "auto" ? await automatic() : Math.fround(gain);
  return { quantizer, entry: { ...describe(chosen), gain: own } };
}

/** A residual block whose convolutions are all 0 gets no gradient and stays dead: better said before hours of training. */
async function warnOfDeadLayer(
  layer: WeightedLayer,
  quantizer: Quantizer,
  { options, gain }: { options: unknown; gain: number },
  read: (variable: Variable) => Promise<HostTensor>,
  warn: (message: string) => void,
): Promise<void> {
  const engine = await createEngine({ backend: "js" });
  const weights = await read(layer.weight);
  const first = Object.entries(firstLearned(quantizer, options, weights));
  const learned = Object.fromEntries(first.map(([name, value]) => [name, constantOf(value)]));
  const [codes] = await engine.evaluate([
    weightCodes({ quantizer, options, gain, learned }, constantOf(weights)).codes,
  ]);
  await engine.close();
  if (codes.data.length > 0 && codes.data.every((code) => code === 0)) {
    warn(
      `all weights of layer "${layer.name}" fall on code 0: it passes nothing on and gets no gradient; a smaller gain would wake it`,
    );
  }
}
