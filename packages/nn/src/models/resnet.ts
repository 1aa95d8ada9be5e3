import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { conv2dLayer } from "../layers/conv2d-layer.js";
import { type Layer, reluLayer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { globalMeanLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { preActivationBlock } from "./pre-activation-block.js";
import { widenChannels } from "./widen-channels.js";

/**
 * A pre-activation ResNet of depth 6 · blocks + 2 for small images: a 3×3 convolution, three stages of 16, 32 and 64
 * channels at full, half and quarter resolution, then batch norm, ReLU, mean over positions and a linear classifier.
 */
export function resnet(blocks: number, options: Required<ModelOptions>): Layer {
  const { inputShape, classes, width, firstLayerWidth, seed } = options;
  let channels = widenChannels(16, firstLayerWidth);
  const layers: Layer[] = [
    conv2dLayer({ name: "conv1", inChannels: inputShape[0], outChannels: channels, window: 3, padding: 1, seed }),
  ];
  [16, 32, 64].forEach((base, stage) => {
    const outChannels = widenChannels(base, width);
    for (let block = 0; block < blocks; block++) {
      const name = `stage${stage + 1}.block${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const convolutions = [
        { outChannels, window: 3, stride },
        { outChannels, window: 3, stride: 1 },
      ];
      layers.push(preActivationBlock({ name, inChannels: channels, convolutions, seed }));
      channels = outChannels;
    }
  });
  layers.push(
    batchNormLayer({ name: "bn", channels, seed }),
    reluLayer("relu"),
    globalMeanLayer("mean"),
    linearLayer({ name: "classifier", inFeatures: channels, outFeatures: classes, seed }),
  );
  return sequential("", layers);
}
