import { type Layer, reluLayer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { flattenLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { widenChannels } from "./widen-channels.js";

/** A multilayer perceptron: two hidden layers of 64 features with ReLU, and a linear classifier. */
export function mlp({ inputShape, classes, width, firstLayerWidth, seed }: Required<ModelOptions>): Layer {
  const pixels = inputShape.reduce((product, size) => product * size, 1);
  const first = widenChannels(64, firstLayerWidth);
  const second = widenChannels(64, width);
  return sequential("", [
    flattenLayer("flatten", pixels),
    linearLayer({ name: "fc1", inFeatures: pixels, outFeatures: first, seed }),
    reluLayer("relu1"),
    linearLayer({ name: "fc2", inFeatures: first, outFeatures: second, seed }),
    reluLayer("relu2"),
    linearLayer({ name: "classifier", inFeatures: second, outFeatures: classes, seed }),
  ]);
}
