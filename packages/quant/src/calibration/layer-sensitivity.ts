import { ConfigurationError, input } from "@lowbit/core-tensor";
import { type Evaluation, evaluateModel, type Loader } from "@lowbit/nn";
import { findLayers } from "../find-layers.js";
import type { LayerOverride } from "../overrides.js";
import { type LoweringOptions, lowerModel, type TrainedNetwork } from "./lower-model.js";

export interface SensitivityOptions extends Pick<LoweringOptions, "registry" | "scheme"> {
  /** Bits at which the weights, and the inputs, of each layer are tried; empty where they are not looked at. */
  readonly weightBits: readonly number[];
  readonly inputBits: readonly number[];
  /** Images with labels that the network is scored on. */
  readonly loader: Loader;
  /** Look at the first and the last layer too; false where absent. */
  readonly outerLayers?: boolean;
  /** Told after each measurement. */
  readonly onMeasured?: (measured: LayerSensitivity, progress: { readonly done: number; readonly all: number }) => void;
}

/** What becomes of a network when one slot of one layer is lowered and nothing else. */
export interface LayerSensitivity {
  readonly layer: string;
  readonly slot: "weight" | "input";
  readonly bits: number;
  /** In per cent. */
  readonly accuracy: number;
  readonly loss: number;
  /** Over the loss in full precision. */
  readonly lossIncrease: number;
}

export interface Sensitivities {
  readonly fullPrecision: Pick<Evaluation, "accuracy" | "loss" | "images">;
  readonly measured: readonly LayerSensitivity[];
}

/** The layers that are looked at, in order of computing. */
export function lowerableLayers(
  model: TrainedNetwork["model"],
  { outerLayers = false }: Pick<SensitivityOptions, "outerLayers">,
): string[] {
  const output = model.forward(input("images", [1, ...model.inputShape]), { training: false });
  const found = findLayers(output).filter(({ isFirst, isLast }) => outerLayers || !(isFirst || isLast));
  if (found.length > 0) return found.map(({ name }) => name);
  throw new ConfigurationError(`${model.name} has no layer between its first and its last`, {
    where: "outerLayers",
    want: "true, to look at these two",
  });
}

/** One layer at these bits, and no other. */
export const onlyLayer = (layer: string, weightBits: number, inputBits: number): LayerOverride => ({
  layers: layer,
  precision: `w${weightBits}a${inputBits}`,
});

/**
 * How sensitive each layer is: loss and accuracy of a trained network when only the weights, or only the inputs, of that layer are
 * lowered, with scales fitted as `lowerModel` does.
 *
 * @throws {ConfigurationError} for bits that the scheme has not
 */
export async function measureSensitivity(network: TrainedNetwork, options: SensitivityOptions): Promise<Sensitivities> {
  const { registry, scheme, loader, weightBits, inputBits, onMeasured } = options;
  const { engine, model } = network;
  const layers = lowerableLayers(model, options);
  const { accuracy, loss, images } = await evaluateModel({ engine, model, loader });
  const trials = layers.flatMap((layer) => [
    ...weightBits.map((bits) => ({ layer, slot: "weight" as const, bits, override: onlyLayer(layer, bits, 32) })),
    ...inputBits.map((bits) => ({ layer, slot: "input" as const, bits, override: onlyLayer(layer, 32, bits) })),
  ]);
  const measured: LayerSensitivity[] = [];
  for (const { layer, slot, bits, override } of trials) {
    const lowered = await lowerModel(network, { precision: "fp32", scheme, registry, overrides: [override] });
    const found = await evaluateModel({ engine, model: lowered, loader });
    const one = { layer, slot, bits, accuracy: found.accuracy, loss: found.loss, lossIncrease: found.loss - loss };
    measured.push(one);
    onMeasured?.(one, { done: measured.length, all: trials.length });
  }
  return { fullPrecision: { accuracy, loss, images }, measured };
}
