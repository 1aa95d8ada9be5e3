import { add, inLayer } from "@lowbit/core-tensor";
import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { conv2dLayer } from "../layers/conv2d-layer.js";
import { type Layer, reluLayer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { globalMeanLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { widenChannels } from "./widen-channels.js";

interface BlockOptions {
  readonly name: string;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly seed: number;
}

/**
 * A pre-activation residual block.
 *
 *     x ─┬─ bn1 ─ relu1 ─┬─ conv1 ─ bn2 ─ relu2 ─ conv2 ─ (+) ─ y
 *        │               └─ shortcut (1×1), where shapes differ ─┤
 *        └─ as it is, where they agree ──────────────────────────┘
 *
 * Source: He et al., "Identity mappings in deep residual networks", arXiv 1603.05027, fig. 4e
 */
function preActivationBlock({ name, inChannels, outChannels, stride, seed }: BlockOptions): Layer {
  const conv = (part: string, from: number, window: number, step: number) =>
    conv2dLayer({
      name: `${name}.${part}`,
      inChannels: from,
      outChannels,
      window,
      stride: step,
      padding: (window - 1) / 2,
      seed,
    });
  const bn1 = batchNormLayer({ name: `${name}.bn1`, channels: inChannels, seed });
  const relu1 = reluLayer(`${name}.relu1`);
  const rest = sequential(name, [
    conv("conv1", inChannels, 3, stride),
    batchNormLayer({ name: `${name}.bn2`, channels: outChannels, seed }),
    reluLayer(`${name}.relu2`),
    conv("conv2", outChannels, 3, 1),
  ]);
  const keepsShape = stride === 1 && inChannels === outChannels;
  const shortcut = keepsShape ? undefined : conv("shortcut", inChannels, 1, stride);
  return {
    name,
    variables: [bn1, rest, ...(shortcut ? [shortcut] : [])].flatMap(({ variables }) => variables),
    forward: (x, context) => {
      const p = relu1.forward(bn1.forward(x, context), context);
      const y = rest.forward(p, context);
      const residual = shortcut ? shortcut.forward(p, context) : x;
      return inLayer(name, () => add(y, residual));
    },
  };
}

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
      layers.push(preActivationBlock({ name, inChannels: channels, outChannels, stride, seed }));
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
