import {
  ArgumentError,
  createEngine,
  type Engine,
  elementsOf,
  type HostTensor,
  type Variable,
} from "@lowbit/core-tensor";
import { compileForward } from "@lowbit/nn";
import type { PreparedModel } from "../prepare.js";
import { type BiasCorrection, correctBias } from "./correct-bias.js";
import { type Equalisation, equaliseLayers } from "./equalise-layers.js";
import { type LearnedRounding, learnRounding, type RoundingOptions } from "./learn-rounding.js";
import { type LoweringOptions, lowerModel, type TrainedNetwork } from "./lower-model.js";
import { readValues, writeValues } from "./network-values.js";

export interface CalibrationOptions extends Omit<LoweringOptions, "correction"> {
  /**
   * Cross-layer equalisation, before anything is lowered. "if-closer", which is meant where it is absent, keeps it where it brings the
   * lowered network's logits closer to those in full precision on the images, corrected for bias if they will be.
   */
  readonly equalise?: "if-closer" | "always" | "never";
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
  | ({ readonly technique: "equalised"; readonly isKept: boolean } & Omit<Equalisation, "values">)
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
  const {
    equalise = "if-closer",
    learnRounding: rounding = true,
    correctBias: corrects = true,
    onStage,
    onLayer,
  } = options;
  checkImages(network.images);
  const { engine, model, images } = network;
  const lowering: LoweringOptions = { ...options, correction: corrects };
  const reference = { model, images, engine: await createEngine({ threads: engine.backend.threads }) };
  try {
    await writeValues(reference.engine, await readValues(engine, model.variables));
    let lowered = await lowerModel(network, lowering);
    await onStage?.({ technique: "lowered", model: lowered });
    if (equalise !== "never") {
      const before = await readValues(engine, model.variables);
      const error =
        equalise === "always" ? Number.POSITIVE_INFINITY : await logitError(reference, { model: lowered, engine });
      const { values, ...equalisation } = equaliseLayers(model, before);
      await writeValues(engine, values);
      await writeValues(reference.engine, values);
      const equalised = await lowerModel(network, lowering);
      const isKept = equalise === "always" || (await logitError(reference, { model: equalised, engine })) < error;
      if (isKept) lowered = equalised;
      else {
        await writeValues(engine, before);
        await writeValues(reference.engine, before);
      }
      await onStage?.({ technique: "equalised", model: lowered, isKept, ...equalisation });
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

/** Mean squared difference of the logits to those in full precision, with bias corrected if the model has corrections; they are 0 afterwards. */
async function logitError(
  reference: TrainedNetwork,
  lowered: { readonly model: PreparedModel; readonly engine: Engine },
): Promise<number> {
  const { model, engine } = lowered;
  const corrections = model.variables.filter(({ name }) => name.endsWith(".correction"));
  if (corrections.length > 0) await correctBias(reference, lowered);
  const [full, low] = [compileForward(reference.engine, reference.model), compileForward(engine, model)];
  let [total, count] = [0, 0];
  for (const images of reference.images) {
    const [wanted, found] = [(await full({ images })).logits.data, (await low({ images })).logits.data];
    for (let i = 0; i < wanted.length; i++) total += (wanted[i] - found[i]) ** 2;
    count += wanted.length;
  }
  await writeValues(engine, new Map(corrections.map((each) => [each, zerosOf(each)])));
  return total / count;
}

const zerosOf = ({ shape }: Variable): HostTensor => ({
  dtype: "f32",
  shape,
  data: new Float32Array(elementsOf(shape)),
});
