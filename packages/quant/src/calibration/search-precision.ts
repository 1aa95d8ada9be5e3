import { ConfigurationError } from "@lowbit/core-tensor";
import { evaluateModel } from "@lowbit/nn";
import type { LayerOverride } from "../overrides.js";
import { applyQuantization, type PreparedModel } from "../prepare.js";
import { planQuantization } from "../quantization.js";
import { calibrate } from "./calibrate.js";
import {
  lowerableLayers,
  measureSensitivity,
  onlyLayer,
  type Sensitivities,
  type SensitivityOptions,
} from "./layer-sensitivity.js";
import type { RoundingOptions } from "./learn-rounding.js";
import { lowerModel, type TrainedNetwork } from "./lower-model.js";
import { readValues, writeValues } from "./network-values.js";
import { type LayerChoice, paretoFront } from "./pareto-front.js";

export interface SearchOptions extends SensitivityOptions {
  /** What a lowered network costs, in any unit: the sum over its layers, and of what does not depend on them. */
  readonly cost: (model: PreparedModel) => number;
  /** No network that is found costs more. */
  readonly budget: number;
  /** Points of the predicted front that are lowered and scored; 8 where absent. */
  readonly candidates?: number;
  /**
   * Candidates are scored with scales fitted and nothing else. So many of the best are calibrated as well, as `calibrate` does it, and
   * the choice is made among them by what that leaves; 0 where absent.
   */
  readonly recheck?: number;
  /** How rounding is learned there. */
  readonly rounding?: RoundingOptions;
  /** Told after each network that was scored, and again of one that was calibrated. */
  readonly onScored?: (scored: ScoredPrecision | RecheckedPrecision) => void;
}

/** Bits of one layer. */
export interface LayerPrecision {
  readonly layer: string;
  readonly weightBits: number;
  readonly inputBits: number;
}

export interface PredictedPrecision {
  readonly layers: readonly LayerPrecision[];
  readonly cost: number;
  /** Loss in full precision and what each layer adds to it by itself. */
  readonly predictedLoss: number;
}

export interface ScoredPrecision extends PredictedPrecision {
  /** "mixed", or "w4a4" where all layers have the same bits. */
  readonly name: string;
  readonly loss: number;
  /** In per cent. */
  readonly accuracy: number;
}

/** The same with layers equalised, rounding learned and bias corrected. */
export interface RecheckedPrecision extends ScoredPrecision {
  readonly calibrated: { readonly loss: number; readonly accuracy: number };
}

export interface PrecisionSearch extends Sensitivities {
  /** Predicted: from the cheapest up to the budget. */
  readonly front: readonly PredictedPrecision[];
  readonly isExact: boolean;
  /** All that were lowered and scored, in order of cost: points of the front, and every layer at the same bits. */
  readonly scored: readonly ScoredPrecision[];
  /** Those that were calibrated, the best first. */
  readonly rechecked: readonly RecheckedPrecision[];
  /** Of those within the budget, the one of the smallest loss; the first of `rechecked` where there are some. */
  readonly best: ScoredPrecision;
}

/**
 * Looks for bits for each layer that lose least within a budget: what each layer adds to the loss when it alone is lowered is
 * measured, the best combinations are found exactly as if these added up, and some of them are lowered and scored as they really are.
 * The engine holds the values of the network as they were before it.
 *
 * @throws {ConfigurationError} when nothing fits the budget, or the scheme lacks some bits
 * Source: the sum of single-layer losses as in Cai et al., "ZeroQ", arXiv 2001.00281, section 3.3, which searches the same front
 */
export async function searchPrecision(network: TrainedNetwork, options: SearchOptions): Promise<PrecisionSearch> {
  const { weightBits, inputBits, budget, candidates = 8 } = options;
  const layers = lowerableLayers(network.model, options);
  const pairs = weightBits.flatMap((w) => inputBits.map((a) => ({ weightBits: w, inputBits: a })));
  const costs = await layerCosts(network, { ...options, layers, pairs });
  const cheapest = costs.base + costs.layers.reduce((sum, own) => sum + Math.min(...own), 0);
  if (cheapest > budget) {
    throw new ConfigurationError("no network fits the budget", {
      where: "budget",
      want: `at least ${cheapest}, or fewer bits to choose from`,
      got: budget,
    });
  }
  const { fullPrecision, measured } = await measureSensitivity(network, options);
  const increase = (layer: string, slot: string, bits: number) =>
    measured.find((each) => each.layer === layer && each.slot === slot && each.bits === bits)?.lossIncrease ?? 0;
  const choices = layers.map((layer, i) =>
    pairs.map((pair, j): LayerChoice => {
      const loss = increase(layer, "weight", pair.weightBits) + increase(layer, "input", pair.inputBits);
      return { cost: costs.layers[i][j], loss };
    }),
  );
  const { points, isExact } = paretoFront(choices, { budget: budget - costs.base });
  const describe = ({ cost, loss, choices: own }: (typeof points)[number]): PredictedPrecision => ({
    layers: layers.map((layer, i) => ({ layer, ...pairs[own[i]] })),
    cost: costs.base + cost,
    predictedLoss: fullPrecision.loss + loss,
  });
  const front = points.map(describe);
  const uniform = pairs.map((_, j) => {
    const sum = (pick: (choice: LayerChoice) => number) => choices.reduce((total, own) => total + pick(own[j]), 0);
    return describe({ cost: sum(({ cost }) => cost), loss: sum(({ loss }) => loss), choices: layers.map(() => j) });
  });
  const scored: ScoredPrecision[] = [];
  for (const predicted of withoutDoubles([...pickCandidates(front, candidates), ...uniform])) {
    const { loss, accuracy } = await scorePrecision(network, predicted.layers, options);
    const one = { ...predicted, name: nameOf(predicted.layers), loss, accuracy };
    scored.push(one);
    options.onScored?.(one);
  }
  scored.sort((a, b) => a.cost - b.cost);
  const fitting = scored.filter(({ cost }) => cost <= budget + 1e-9 * Math.abs(budget)); // as exact as the front
  const byLoss = [...fitting].sort((a, b) => a.loss - b.loss);
  const rechecked = await recheckPrecision(network, byLoss.slice(0, options.recheck ?? 0), options);
  return { fullPrecision, measured, front, isExact, scored, rechecked, best: rechecked[0] ?? byLoss[0] };
}

/** Calibrates a few networks in full; the best of them comes first. */
async function recheckPrecision(
  network: TrainedNetwork,
  candidates: readonly ScoredPrecision[],
  { scheme, registry, loader, rounding = {}, onScored }: SearchOptions,
): Promise<RecheckedPrecision[]> {
  const { engine, model } = network;
  const trained = await readValues(engine, model.variables);
  const rechecked: RecheckedPrecision[] = [];
  for (const candidate of candidates) {
    const overrides = precisionOverrides(candidate.layers);
    const how = { precision: "fp32", scheme, registry, overrides, learnRounding: rounding };
    const lowered = await calibrate(network, how);
    const { loss, accuracy } = await evaluateModel({ engine, model: lowered, loader });
    await writeValues(engine, trained); // equalising and rounding move the weights
    const one = { ...candidate, calibrated: { loss, accuracy } };
    rechecked.push(one);
    onScored?.(one);
  }
  return rechecked.sort((a, b) => a.calibrated.loss - b.calibrated.loss);
}

/**
 * What each layer costs at each pair of bits, over its cost in full precision, and what the network costs in full precision. A lowered
 * layer has its correction, which `calibrate` gives it: what is found stays within the budget there too.
 */
async function layerCosts(
  { model }: TrainedNetwork,
  options: SearchOptions & {
    readonly layers: readonly string[];
    readonly pairs: readonly Omit<LayerPrecision, "layer">[];
  },
): Promise<{ readonly base: number; readonly layers: readonly (readonly number[])[] }> {
  const { scheme, registry, cost } = options;
  const costOf = async (overrides: readonly LayerOverride[]) => {
    const quantization = await planQuantization(model, {
      precision: "fp32",
      scheme,
      registry,
      overrides,
      correction: true,
    });
    return cost(applyQuantization(model, quantization, registry));
  };
  const base = await costOf([]);
  const layers: number[][] = [];
  for (const layer of options.layers) {
    const own: number[] = [];
    for (const { weightBits, inputBits } of options.pairs) {
      own.push((await costOf([onlyLayer(layer, weightBits, inputBits)])) - base);
    }
    layers.push(own);
  }
  return { base, layers };
}

/** Overrides, by layer name, that give a network these bits and leave all other layers alone. */
export function precisionOverrides(layers: readonly LayerPrecision[]): LayerOverride[] {
  return layers.map(({ layer, weightBits, inputBits }) => onlyLayer(layer, weightBits, inputBits));
}

async function scorePrecision(
  network: TrainedNetwork,
  layers: readonly LayerPrecision[],
  { scheme, registry, loader }: SearchOptions,
) {
  const overrides = precisionOverrides(layers);
  const lowered = await lowerModel(network, { precision: "fp32", scheme, registry, overrides });
  return evaluateModel({ engine: network.engine, model: lowered, loader });
}

/** Half of them the dearest, where the best is likely; the others evenly over the rest of the front. */
function pickCandidates(front: readonly PredictedPrecision[], count: number): PredictedPrecision[] {
  const dearest = Math.min(front.length, Math.ceil(count / 2));
  const rest = front.slice(0, front.length - dearest);
  const others = Math.min(rest.length, count - dearest);
  const spread = Array.from({ length: others }, (_, i) => rest[Math.floor((i * rest.length) / others)]);
  return [...front.slice(front.length - dearest), ...spread];
}

function withoutDoubles(all: readonly PredictedPrecision[]): PredictedPrecision[] {
  const byBits = new Map(all.map((each) => [JSON.stringify(each.layers), each]));
  return [...byBits.values()];
}

function nameOf(layers: readonly LayerPrecision[]): string {
  const names = new Set(layers.map(({ weightBits, inputBits }) => `w${weightBits}a${inputBits}`));
  return names.size === 1 ? [...names][0] : "mixed";
}
