import type { HostTensor, Variable } from "@lowbit/core-tensor";
import type { Model } from "@lowbit/nn";
import { absorbBatchNorm, type Values, VariableValues } from "./absorb-batch-norm.js";
import { findLayerPairs, type LayerPair } from "./find-layer-pairs.js";

export interface Equalisation {
  /** The pairs of layers whose channels were scaled. */
  readonly pairs: readonly Pick<LayerPair, "first" | "second">[];
  /** Those batch norms became part of the weights before them. */
  readonly absorbed: readonly string[];
  /** All variables that have other values now. */
  readonly values: ReadonlyMap<Variable, HostTensor>;
}

const SWEEPS = 50;
/** Ranges count as equal when no channel would be scaled by more than this. */
const CLOSE = 1e-4;

/**
 * Cross-layer equalisation: scales each channel between two neighbouring layers so that both use the same range for it,
 *
 *     W1[i] ← W1[i] / s_i,   b1[i] ← b1[i] / s_i,   W2[:, i] ← W2[:, i] · s_i,   s_i = √(r1_i · r2_i) / r2_i
 *
 * with r the largest magnitude of a channel's weights; batch norm between them is absorbed first. Pairs that share a layer are
 * gone through again until no s_i differs from 1. The network computes the same function, to rounding.
 *
 * Source: Nagel et al., "Data-free quantization through weight equalization and bias correction", arXiv 1906.04721, eqs. 7 to 11
 *
 * @param values  of all of the model's variables
 */
export function equaliseLayers(model: Model, values: ReadonlyMap<Variable, HostTensor>): Equalisation {
  const pairs = findLayerPairs(model);
  const changing = new VariableValues(values);
  const absorbed: string[] = [];
  for (const { firstWeight, batchNorm } of pairs) {
    if (!batchNorm) continue;
    absorbBatchNorm(firstWeight, batchNorm, changing);
    absorbed.push(batchNorm.gamma.name.replace(/\.[^.]*$/, ""));
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const largest = Math.max(1, ...pairs.map((pair) => equalisePair(pair, changing)));
    if (largest < 1 + CLOSE) break;
  }
  return { pairs: pairs.map(({ first, second }) => ({ first, second })), absorbed, values: changing.changed() };
}

/** Scales the channels of one pair; tells the largest factor, or its reciprocal. */
function equalisePair(pair: LayerPair, values: Values): number {
  const { firstWeight, bias, batchNorm, secondWeight } = pair;
  const [w1, w2] = [values.get(firstWeight), values.get(secondWeight)];
  const shift = bias ? values.get(bias) : batchNorm ? values.get(batchNorm.beta) : undefined;
  const channels = firstWeight.shape[0];
  const perChannel = w1.length / channels;
  const readBy = inputsByChannel(pair);
  let largest = 1;
  for (let channel = 0; channel < channels; channel++) {
    let [r1, r2] = [0, 0];
    for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) r1 = Math.max(r1, Math.abs(w1[i]));
    for (const i of readBy[channel]) r2 = Math.max(r2, Math.abs(w2[i]));
    const s = Math.sqrt(r1 * r2) / r2;
    if (!(s > 0 && Number.isFinite(s))) continue; // a channel that nobody makes or nobody reads has no range to share
    for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) w1[i] /= s;
    for (const i of readBy[channel]) w2[i] *= s;
    if (shift) shift[channel] /= s;
    largest = Math.max(largest, s, 1 / s);
  }
  return largest;
}

/** Where in the second layer's weights [P, C/groups, …] each channel of the first is read. */
function inputsByChannel({ firstWeight, secondWeight, secondGroups, inputsPerChannel }: LayerPair): number[][] {
  const [P, C, ...window] = secondWeight.shape;
  const taps = window.reduce((product, size) => product * size, 1);
  const found = Array.from({ length: firstWeight.shape[0] }, (): number[] => []);
  for (let p = 0; p < P; p++) {
    const group = Math.floor(p / (P / secondGroups));
    for (let c = 0; c < C; c++) {
      const at = (p * C + c) * taps;
      const channel = Math.floor((group * C + c) / inputsPerChannel);
      for (let tap = 0; tap < taps; tap++) found[channel].push(at + tap);
    }
  }
  return found;
}
