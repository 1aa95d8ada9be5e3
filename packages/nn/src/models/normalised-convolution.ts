import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { type Conv2dLayerOptions, conv2dLayer } from "../layers/conv2d-layer.js";
import { type Layer, reluLayer, sequential } from "../layers/layer.js";

/** Convolution, batch norm and ReLU: "NAME.conv", "NAME.bn" and "NAME.relu". */
export function normalisedConvolution(
  options: Omit<Conv2dLayerOptions, "bias"> & { readonly epsilon?: number },
): Layer {
  const { name, outChannels, epsilon, seed } = options;
  return sequential(name, [
    conv2dLayer({ ...options, name: `${name}.conv` }),
    batchNormLayer({ name: `${name}.bn`, channels: outChannels, epsilon, seed }),
    reluLayer(`${name}.relu`),
  ]);
}
