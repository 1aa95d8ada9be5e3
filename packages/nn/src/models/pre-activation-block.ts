import { add, inLayer } from "@lowbit/core-tensor";
import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { conv2dLayer } from "../layers/conv2d-layer.js";
import { type Layer, reluLayer, sequential } from "../layers/layer.js";

export interface BlockConvolution {
  readonly outChannels: number;
  /** Odd: height and width of the kernel; padded by half of it. */
  readonly window: number;
  readonly stride: number;
}

export interface PreActivationBlockOptions {
  readonly name: string;
  readonly inChannels: number;
  /** conv1, conv2, … in order. */
  readonly convolutions: readonly BlockConvolution[];
  /** false where batch norm and ReLU before this block were the stem's; true where absent. */
  readonly activatesInput?: boolean;
  readonly seed: number;
}

/**
 * A pre-activation residual block; here with two convolutions.
 *
 *     x ─┬─ bn1 ─ relu1 ─┬─ conv1 ─ bn2 ─ relu2 ─ conv2 ─ (+) ─ y
 *        │               └─ shortcut (1×1), where shapes differ ─┤
 *        └─ as it is, where they agree ──────────────────────────┘
 *
 * Source: He et al., "Identity mappings in deep residual networks", arXiv 1603.05027, fig. 4e; its appendix has the first
 * block without bn1 and relu1
 */
export function preActivationBlock(options: PreActivationBlockOptions): Layer {
  const { name, inChannels, convolutions, activatesInput = true, seed } = options;
  const conv = (part: string, from: number, { outChannels, window, stride }: BlockConvolution) =>
    conv2dLayer({
      name: `${name}.${part}`,
      inChannels: from,
      outChannels,
      window,
      stride,
      padding: (window - 1) / 2,
      seed,
    });
  const normalise = (number: number, channels: number): Layer[] => [
    batchNormLayer({ name: `${name}.bn${number}`, channels, seed }),
    reluLayer(`${name}.relu${number}`),
  ];
  const activation = sequential(name, activatesInput ? normalise(1, inChannels) : []);
  const rest = sequential(
    name,
    convolutions.flatMap((each, i) => {
      const from = i === 0 ? inChannels : convolutions[i - 1].outChannels;
      return [...(i === 0 ? [] : normalise(i + 1, from)), conv(`conv${i + 1}`, from, each)];
    }),
  );
  const { outChannels } = convolutions[convolutions.length - 1];
  const stride = convolutions.reduce((product, each) => product * each.stride, 1);
  const keepsShape = stride === 1 && inChannels === outChannels;
  const shortcut = keepsShape ? undefined : conv("shortcut", inChannels, { outChannels, window: 1, stride });
  return {
    name,
    variables: [activation, rest, ...(shortcut ? [shortcut] : [])].flatMap(({ variables }) => variables),
    forward: (x, context) => {
      const p = activation.forward(x, context);
      const y = rest.forward(p, context);
      const residual = shortcut ? shortcut.forward(p, context) : x;
      return inLayer(name, () => add(y, residual));
    },
  };
}
