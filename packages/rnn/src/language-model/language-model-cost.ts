import { elementsOf } from "@lowbit/core-tensor";
import { parsePrecision, type Registry, type Scheme } from "@lowbit/quant";
import { planCellQuantization } from "../quantization/plan-cell-quantization.js";
import { type LanguageModel, languageModel } from "./language-model.js";
import { recurrentLayerNames } from "./recurrent-network.js";

/** What a language model takes, beside the same at 1x in fp32. */
export interface LanguageModelCost {
  /** Of the multiplied hidden state. */
  readonly hidden: number;
  readonly parameters: number;
  /** Multiply-accumulates for one token: those of the matrices; looking up an embedding has none. */
  readonly macs: number;
  readonly latentBytes: number;
  readonly packedBytes: number;
  /** Bytes at 1x in fp32, and packedBytes as a part of them. */
  readonly baselineBytes: number;
  readonly sizeRatio: number;
  /** The recurrent layers' matrices alone: their bytes packed, as a part of those at 1x in fp32. */
  readonly recurrentBytes: number;
  readonly recurrentSizeRatio: number;
  /** The multiplier at which k-bit matrices of recurrent layers take what they take at 1x in fp32: √(32 / k). */
  readonly breakEvenMultiplier: number;
  /** The largest multiplier, to a hidden unit, at which the whole packed network takes no more than at 1x in fp32; embedding and output layer grow too. */
  readonly wholeBreakEvenMultiplier: number;
}

export interface LanguageModelCostOptions {
  /** "lstm" */
  readonly name: string;
  readonly vocabulary: number;
  /** At 1x. */
  readonly hidden: number;
  readonly layers?: number;
  /** Multiplies hidden. 1 where absent. */
  readonly width?: number;
  readonly precision: string;
  readonly scheme: Scheme;
  readonly registry: Registry;
}

const LARGEST_MULTIPLIER = 16;

/**
 * Counts what a language model takes at a hidden multiplier and a precision. No weight is drawn.
 *
 * @throws {ArgumentError} for sizes that make no model
 * Source: the trade is that of Kapur et al., "Low Precision RNNs", arXiv 1710.07706: the hidden state grows as bits fall
 */
export function languageModelCost(options: LanguageModelCostOptions): LanguageModelCost {
  const { hidden, width = 1, precision } = options;
  const baseline = modelOf(options, hidden, "fp32");
  const units = Math.max(1, Math.round(hidden * width));
  const model = modelOf(options, units, precision);
  const { weightBits } = parsePrecision(precision);
  const recurrentBytes = bytesOfRecurrent(model);
  const sizes = matricesOf(model).map(({ elements }) => elements);
  return {
    hidden: units,
    parameters: model.latentBytes / 4,
    macs: sizes.reduce((sum, elements) => sum + elements, 0),
    latentBytes: model.latentBytes,
    packedBytes: model.packedBytes,
    baselineBytes: baseline.packedBytes,
    sizeRatio: model.packedBytes / baseline.packedBytes,
    recurrentBytes,
    recurrentSizeRatio: recurrentBytes / bytesOfRecurrent(baseline),
    breakEvenMultiplier: Math.sqrt(32 / weightBits),
    wholeBreakEvenMultiplier: largestFitting(
      hidden,
      (wider) => modelOf(options, wider, precision).packedBytes <= baseline.packedBytes,
    ),
  };
}

function modelOf(options: LanguageModelCostOptions, hidden: number, precision: string): LanguageModel {
  const { name, vocabulary, layers = 1, scheme, registry } = options;
  const cells = recurrentLayerNames(layers).map((layer) => ({ name: layer, hiddenSize: hidden }));
  const quantization = planCellQuantization(cells, { precision, scheme });
  return languageModel(name, { vocabulary, hidden, layers, streams: 1 }, { quantization, registry });
}

/** The matrices that are multiplied with, as they are stored. */
function matricesOf(model: LanguageModel) {
  return [...model.stored()]
    .filter(([path, { shape }]) => shape.length >= 2 && path !== "embedding.weight")
    .map(([path, { shape, dtype }]) => ({ path, elements: elementsOf(shape), dtype }));
}

function bytesOfRecurrent(model: LanguageModel): number {
  return matricesOf(model)
    .filter(({ path }) => !path.startsWith("output."))
    .reduce(
      (sum, { elements, dtype }) => sum + (dtype === "f32" ? 4 * elements : (elements * Number(dtype.slice(1))) / 8),
      0,
    );
}

/** The largest multiple of `hidden`, to a unit, for which `fits` still holds; it holds for small ones and not for large ones. */
function largestFitting(hidden: number, fits: (units: number) => boolean): number {
  let [least, most] = [0, hidden * LARGEST_MULTIPLIER];
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (fits(middle)) least = middle;
    else most = middle;
  }
  return least / hidden;
}
