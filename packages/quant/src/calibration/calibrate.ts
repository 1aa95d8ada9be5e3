import { ArgumentError, createEngine, type HostTensor } from "@lowbit/core-tensor";
import type { PreparedModel } from "../prepare.js";
import { type BiasCorrection, correctBias } from "./correct-bias.js";
import { type Equalisation, equaliseLayers } from "./equalise-layers.js";
import { type LearnedRounding, learnRounding, type RoundingOptions } from "./learn-rounding.js";
import { type LoweringOptions, lowerModel, type TrainedNetwork } from "./lower-model.js";
import { readValues, writeValues } from "./network-values.js";

export interface CalibrationOptions extends Omit<LoweringOptions, "correction"> {
  /** Cross-layer equalisation, before anything is lowered; true where absent. */
  readonly equalise?: boolean;
  /** AdaRound: true, or how; true where absent. */
  readonly learnRounding?: boolean | RoundingOptions;
  /** Corrects the mean of each layer's output channels; true where absent. */
  readonly correctBias?: boolean;
  /** Told after each technique; the engine holds the values of `model` as they are then. What it returns is waited for. */
  readonly onStage?: (stage: CalibrationStage) => void | Promise<void>;
  /** Told after each layer whose rounding was learned. */
  readonly onLayer?: (learned: LearnedRounding) => void;
}

/** Where a calibration stands. */
export type CalibrationStage = { readonly model: PreparedModel } & (
  | { readonly technique: "lowered" }
  | ({ readonly technique: "equalised" } & Omit<Equalisation, "values">)
  | { readonly technique: "rounded"; readonly layers: readonly LearnedRounding[] }
  | { readonly technique: "corrected"; readonly layers: readonly BiasCorrection[] }
);

/**
 * Lowers a trained network without training it: quantizers are fitted to the weights and to what calibration images make of the
 * inputs, then each technique that was asked for improves on the result of those before it: neighbouring layers are equalised,
 * rounding is learned layer by layer, and the mean error of each output channel is taken away.
 *
 * @param network  in full precision; its engine holds the values of the lowered model afterwards
 * @returns the lowered model, to evaluate, store or convert
 * @throws {ArgumentError} when there are no images
 * @throws {ConfigurationError} as `prepare` does
 * @example
 * const lowered = await calibrate({ engine, model, images: [batch] }, { precision: "w4a4", scheme: registry.scheme("lsq"), registry });
 */
export async function calibrate(network: TrainedNetwork, options: CalibrationOptions): Promise<PreparedModel> {
  const { equalise = true, learnRounding: rounding = true, correctBias: corrects = true, onStage, onLayer } = options;
  checkImages(network.images);
  const { engine, model, images } = network;
  const lowering: LoweringOptions = { ...options, correction: corrects };
  const reference = { model, images, engine: await createEngine({ threads: engine.backend.threads }) };
  try {
    await writeValues(reference.engine, await readValues(engine, model.variables));
    let lowered = await lowerModel(network, lowering);
    await onStage?.({ technique: "lowered", model: lowered });
    if (equalise) {
      const { values, ...equalisation } = equaliseLayers(model, await readValues(engine, model.variables));
      await writeValues(engine, values);
      await writeValues(reference.engine, values);
      lowered = await lowerModel(network, lowering);
      await onStage?.({ technique: "equalised", model: lowered, ...equalisation });
    }
    if (rounding !== false) {
      const how = rounding === true ? {} : rounding;
      const layers = await learnRounding(
        reference,
        { model: lowered, engine },
        { ...how, ...(onLayer && { onLayer }) },
      );
      await onStage?.({ technique: "rounded", model: lowered, layers });
    }
    if (corrects) {
      const layers = await correctBias(reference, { model: lowered, engine });
      await onStage?.({ technique: "corrected", model: lowered, layers });
    }
    return lowered;
  } finally {
    await reference.engine.close();
  }
}

function checkImages(images: readonly HostTensor[]): void {
  if (images.length > 0 && images.every(({ shape }) => shape[0] > 0)) return;
  throw new ArgumentError("there is nothing to calibrate with", {
    where: "images",
    want: "batches [N, C, H, W] of at least one image each",
  });
}
