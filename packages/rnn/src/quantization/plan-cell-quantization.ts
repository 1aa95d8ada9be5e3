import { ConfigurationError, input as symbol } from "@lowbit/core-tensor";
import {
  type BoundQuantizer,
  type ChosenQuantizer,
  type ChosenWeight,
  findQuantizer,
  type LayerQuantization,
  parsePrecision,
  type Quantization,
  type Registry,
  type Scheme,
  type SchemeChoice,
  type Slot,
} from "@lowbit/quant";
import type { BoundEdgeQuantizer, BoundMatrixQuantizer, CellQuantizers } from "./cell-quantizers.js";

export interface CellQuantizationOptions {
  /** "w4a4": bits of weight and recurrent, and of input, state and gates. The cell of an LSTM stays fp32. */
  readonly precision: string;
  readonly scheme: Scheme;
  /**
   * The scale of a matrix on a static grid: a constant, 2 · std of its first weights, or a variable that starts there and is trained
   * by LSQ's gradient. "learned" where absent: no batch norm follows that would absorb it.
   */
  readonly scale?: "constant" | "learned";
}

/** What a scheme that has nothing for a recurrent slot is asked for in its place. */
const standsFor: ReadonlyMap<Slot, Slot> = new Map([
  ["recurrent", "weight"],
  ["state", "input"],
  ["gate", "input"],
]);

/**
 * Decides for every slot of recurrent layers which quantizer it goes through, as plain JSON.
 *
 * @param layers  the cells' names, and their hidden sizes, which say how far their first weights reach
 * @throws {ConfigurationError} for a precision that the scheme has not, or an activation whose scale it would work out of its values
 */
export function planCellQuantization(
  layers: readonly { readonly name: string; readonly hiddenSize: number }[],
  { precision, scheme, scale = "learned" }: CellQuantizationOptions,
): Quantization {
  const { name, weightBits, inputBits, gradientBits } = parsePrecision(precision);
  if (gradientBits !== undefined) {
    throw new ConfigurationError(`recurrent layers have no ${gradientBits}-bit gradients`, {
      where: "precision",
      want: `w${weightBits}a${inputBits}: what flows back through time stays in full precision`,
      got: precision,
    });
  }
  const find = (slot: Slot, bits: number, signed: boolean): SchemeChoice | undefined => {
    const offered = scheme.bits(slot, { signed }).length > 0 ? slot : (standsFor.get(slot) ?? slot);
    return scheme.choose(offered, { bits, signed });
  };
  const matrix = (slot: Slot, hiddenSize: number): ChosenWeight | undefined => {
    const found = find(slot, weightBits, true);
    if (!found) return undefined;
    const { quantizer, options } = found;
    const chosen = describe(found);
    if (quantizer.scale(options).kind !== "constant" || quantizer.statistics) return { ...chosen, gain: 1 };
    const gain = Math.fround(2 / Math.sqrt(3 * hiddenSize)); // weights start uniform in ±1 / √hiddenSize
    return { ...chosen, gain, ...(scale === "learned" && { learned: true }) };
  };
  const edge = (slot: Slot, signed: boolean): ChosenQuantizer | undefined => {
    const found = find(slot, inputBits, signed);
    return found && describe(found);
  };
  const quantized = layers.map(({ name: layer, hiddenSize }): LayerQuantization => {
    const slots = {
      weight: matrix("weight", hiddenSize),
      recurrent: matrix("recurrent", hiddenSize),
      input: edge("input", true),
      state: edge("state", true),
      sigmoidGate: edge("gate", false),
      tanhGate: edge("gate", true),
    };
    return { layer, ...Object.fromEntries(Object.entries(slots).filter(([, chosen]) => chosen !== undefined)) };
  });
  const isAnything = quantized.some((each) => Object.keys(each).length > 1);
  return {
    scheme: scheme.name,
    schemeVersion: scheme.version,
    precision: name,
    layers: isAnything ? quantized : [],
  };
}

const describe = ({ quantizer, options }: SchemeChoice): ChosenQuantizer => ({
  quantizer: quantizer.name,
  version: quantizer.version,
  options,
});

/**
 * The quantizers that a layer's description names.
 *
 * @throws {ConfigurationError} when the registry lacks one, or a recurrent layer can't work with it
 */
export function bindCellQuantizers(described: LayerQuantization | undefined, registry: Registry): CellQuantizers {
  if (!described) return {};
  const { layer, weight, recurrent, input, state, sigmoidGate, tanhGate, cell } = described;
  const find = (chosen: ChosenQuantizer): BoundQuantizer => ({
    ...findQuantizer(layer, chosen, registry),
    learned: {},
  });
  const matrix = (slot: Slot, chosen: ChosenWeight | undefined): BoundMatrixQuantizer | undefined => {
    if (!chosen) return undefined;
    const bound = find(chosen);
    const { quantizer, options } = bound;
    const granularity = quantizer.granularity(options);
    const isByRow = granularity.kind === "per-tensor" || (granularity.kind === "per-channel" && granularity.axis === 0);
    if (!quantizer.terms && isByRow) return { ...bound, gain: chosen.gain, isGainLearned: chosen.learned === true };
    throw new ConfigurationError(`${chosen.quantizer} can't quantize a matrix of a recurrent layer`, {
      layer,
      where: `slot "${slot}"`,
      want: "a quantizer with one scale for the matrix or for each of its rows, and no offset: its levels are scale times code",
      got: quantizer.terms ? "levels that are sums" : granularity.kind,
    });
  };
  const edge = (slot: Slot, chosen: ChosenQuantizer | undefined): BoundEdgeQuantizer | undefined => {
    if (!chosen) return undefined;
    const bound = find(chosen);
    const scale = bound.quantizer.scale(bound.options);
    const hasPositions = bound.quantizer.outputScale?.(symbol("edge", [1, 1]), bound.options, undefined) !== undefined;
    if (scale.kind === "constant" && isOneTerm(bound) && !bound.quantizer.statistics && !hasPositions) {
      return { ...bound, scale: scale.value };
    }
    throw new ConfigurationError(`${chosen.quantizer} can't quantize an edge of a recurrent layer`, {
      layer,
      where: `slot "${slot}"`,
      want: "a quantizer that learns nothing, whose scale is constant, and the same at each position: codes have to mean the same in each step",
    });
  };
  return {
    weight: matrix("weight", weight),
    recurrent: matrix("recurrent", recurrent),
    input: edge("input", input),
    state: edge("state", state),
    sigmoidGate: edge("gate", sigmoidGate),
    tanhGate: edge("gate", tanhGate),
    cell: edge("cell", cell),
  };
}

/** Whether a level is scale · code, and the quantizer has no variables. */
const isOneTerm = ({ quantizer, options }: BoundQuantizer): boolean =>
  !quantizer.terms && Object.keys(quantizer.learned?.(options) ?? {}).length === 0;
