import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { type Layer, reluLayer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { flattenLayer, maxPoolLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { normalisedConvolution } from "./normalised-convolution.js";
import { widenChannels } from "./widen-channels.js";

/** Channels of conv1 to conv5, and the groups of conv2, conv4 and conv5. */
interface AlexnetForm {
  readonly channels: readonly [number, number, number, number, number];
  readonly groups: 1 | 2;
}

/** For two GPUs, as published: Krizhevsky et al., NeurIPS 2012 */
const twoTowers: AlexnetForm = { channels: [96, 256, 384, 384, 256], groups: 2 };
/** Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997 */
const oneTower: AlexnetForm = { channels: [64, 192, 384, 256, 256], groups: 1 };

/** Pixels along one side behind a window. */
const along = (size: number, window: number, stride: number, padding: number): number =>
  Math.floor((size + 2 * padding - window) / stride) + 1;

/** Of the last pooling, for images of `size` pixels: 6 for 224 and 227. */
function pooledSize(size: number): number {
  const halve = (pixels: number) => along(pixels, 3, 2, 0);
  return halve(halve(halve(along(size, 11, 4, 2))));
}

/**
 * AlexNet: five convolutions, three times max pooled, two hidden layers of 4096 and a linear classifier. Batch norm takes the
 * place of local response normalisation and dropout, as in other low-precision AlexNets (XNOR-Net, DoReFa-Net).
 */
function buildAlexnet({ channels: base, groups }: AlexnetForm, options: Required<ModelOptions>): Layer {
  const { inputShape, classes, width, firstLayerWidth, seed } = options;
  const channels = base.map((count, i) => widenChannels(count, i === 0 ? firstLayerWidth : width, groups));
  const conv = (number: number, window: number, more: { stride?: number; padding: number; groups?: number }): Layer =>
    normalisedConvolution({
      name: `stage${number}`,
      inChannels: number === 1 ? inputShape[0] : channels[number - 2],
      outChannels: channels[number - 1],
      window,
      seed,
      ...more,
    });
  const pool = (number: number) => maxPoolLayer(`stage${number}.pool`, { window: 3, stride: 2 });
  const hidden = widenChannels(4096, width);
  const features = channels[4] * pooledSize(inputShape[1]) * pooledSize(inputShape[2]);
  const dense = (name: string, inFeatures: number): Layer[] => [
    linearLayer({ name, inFeatures, outFeatures: hidden, bias: false, seed }),
    batchNormLayer({ name: `${name}.bn`, channels: hidden, seed }),
    reluLayer(`${name}.relu`),
  ];
  return sequential("", [
    conv(1, 11, { stride: 4, padding: 2 }),
    pool(1),
    conv(2, 5, { padding: 2, groups }),
    pool(2),
    conv(3, 3, { padding: 1 }),
    conv(4, 3, { padding: 1, groups }),
    conv(5, 3, { padding: 1, groups }),
    pool(5),
    flattenLayer("flatten", features),
    ...dense("fc6", features),
    ...dense("fc7", hidden),
    linearLayer({ name: "classifier", inFeatures: hidden, outFeatures: classes, seed }),
  ]);
}

export const alexnet = (options: Required<ModelOptions>): Layer => buildAlexnet(twoTowers, options);
export const alexnetOneTower = (options: Required<ModelOptions>): Layer => buildAlexnet(oneTower, options);
