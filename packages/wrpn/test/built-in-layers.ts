import { input, type Tensor } from "@lowbit/core-tensor";
import { createModel, type Model, type ModelOptions } from "@lowbit/nn";
import { type CountedLayer, readLayers } from "../src/index.js";

/** The logits of a built-in network in evaluation. */
export function logitsOf(model: Model, batch = 1): Tensor {
  return model.forward(input("images", [batch, ...model.inputShape]), { training: false });
}

/** The layers of a built-in network, for one image. */
export function layersOf(name: string, options: ModelOptions = {}, precision = "fp32"): CountedLayer[] {
  return readLayers(logitsOf(createModel(name, options)), { precision });
}

export const macsOf = (layers: readonly CountedLayer[]): number => layers.reduce((sum, { macs }) => sum + macs, 0);
