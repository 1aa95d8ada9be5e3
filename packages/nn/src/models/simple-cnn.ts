import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { conv2dLayer } from "../layers/conv2d-layer.js";
import { type Layer, reluLayer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { flattenLayer, maxPoolLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { widenChannels } from "./widen-channels.js";

/** Two times 3×3 convolution, batch norm, ReLU and 2×2 max pooling, with 16 and 32 channels, and a linear classifier. */
export function simpleCnn({ inputShape, classes, width, firstLayerWidth, seed }: Required<ModelOptions>): Layer {
  const [C, H, W] = inputShape;
  const channels = [C, widenChannels(16, firstLayerWidth), widenChannels(32, width)];
  const stage = (number: 1 | 2): Layer[] => [
    conv2dLayer({
      name: `conv${number}`,
      inChannels: channels[number - 1],
      outChannels: channels[number],
      window: 3,
      padding: 1,
      seed,
    }),
    batchNormLayer({ name: `bn${number}`, channels: channels[number], seed }),
    reluLayer(`relu${number}`),
    maxPoolLayer(`pool${number}`, { window: 2 }),
  ];
  const features = channels[2] * Math.floor(Math.floor(H / 2) / 2) * Math.floor(Math.floor(W / 2) / 2);
  return sequential("", [
    ...stage(1),
    ...stage(2),
    flattenLayer("flatten", features),
    linearLayer({ name: "classifier", inFeatures: features, outFeatures: classes, seed }),
  ]);
}
