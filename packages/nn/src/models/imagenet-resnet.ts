import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { conv2dLayer } from "../layers/conv2d-layer.js";
import { type Layer, reluLayer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { globalMeanLayer, maxPoolLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { type BlockConvolution, preActivationBlock } from "./pre-activation-block.js";
import { widenChannels } from "./widen-channels.js";

/** What the blocks are: two 3×3 convolutions, or 1×1, 3×3 (with the stride) and 1×1 to four times the channels. */
export type ResnetBlock = "basic" | "bottleneck";

function listConvolutions(block: ResnetBlock, base: number, width: number, stride: number): BlockConvolution[] {
  const channels = widenChannels(base, width);
  if (block === "basic") {
    return [
      { outChannels: channels, window: 3, stride },
      { outChannels: channels, window: 3, stride: 1 },
    ];
  }
  return [
    { outChannels: channels, window: 1, stride: 1 },
    { outChannels: channels, window: 3, stride },
    { outChannels: widenChannels(4 * base, width), window: 1, stride: 1 },
  ];
}

/**
 * A pre-activation ResNet for ImageNet: a 7×7 convolution and max pooling, four stages of 64, 128, 256 and 512 channels (four
 * times as many behind bottlenecks) at a quarter to 1/32 of the resolution, batch norm, ReLU, mean and a linear classifier.
 *
 * Source: He et al., arXiv 1512.03385, table 1, with the blocks of arXiv 1603.05027
 */
export function imagenetResnet(
  block: ResnetBlock,
  blocksByStage: readonly number[],
  { inputShape, classes, width, firstLayerWidth, seed }: Required<ModelOptions>,
): Layer {
  let channels = widenChannels(64, firstLayerWidth);
  const layers: Layer[] = [
    conv2dLayer({
      name: "conv1",
      inChannels: inputShape[0],
      outChannels: channels,
      window: 7,
      stride: 2,
      padding: 3,
      seed,
    }),
    batchNormLayer({ name: "bn1", channels, seed }),
    reluLayer("relu1"),
    maxPoolLayer("pool1", { window: 3, stride: 2, padding: 1 }),
  ];
  blocksByStage.forEach((blocks, stage) => {
    for (let index = 0; index < blocks; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const convolutions = listConvolutions(block, 64 * 2 ** stage, width, stride);
      const name = `stage${stage + 1}.block${index}`;
      const activatesInput = stage > 0 || index > 0;
      layers.push(preActivationBlock({ name, inChannels: channels, convolutions, activatesInput, seed }));
      channels = convolutions[convolutions.length - 1].outChannels;
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
