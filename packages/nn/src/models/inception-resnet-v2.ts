import { add, inLayer, multiply, relu } from "@lowbit/core-tensor";
import { branchesLayer } from "../layers/branches-layer.js";
import { conv2dLayer } from "../layers/conv2d-layer.js";
import { type Layer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { averagePoolLayer, globalMeanLayer, maxPoolLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { normalisedConvolution } from "./normalised-convolution.js";
import { widenChannels } from "./widen-channels.js";

/** One convolution with batch norm and ReLU: channels at 1x, kernel, and whether it keeps the resolution. */
interface Step {
  readonly channels: number;
  readonly window: number | readonly [number, number];
  readonly stride?: 2;
  /** Nothing is padded: the image loses its border. */
  readonly isValid?: true;
}

/** What a branch does before its convolutions. */
type Branch = readonly ("average pool" | "max pool" | Step)[];

/** A layer with the channels that it puts out. */
interface Piece {
  readonly layer: Layer;
  readonly outChannels: number;
}

const step = (channels: number, window: Step["window"] = 1): Step => ({ channels, window });
const valid = (channels: number, window: number): Step => ({ channels, window, isValid: true });
const halving = (channels: number): Step => ({ channels, window: 3, stride: 2, isValid: true });

/** Builds pieces of one width. */
class InceptionBuilder {
  constructor(
    private readonly width: number,
    private readonly seed: number,
  ) {}

  readonly widen = (base: number): number => widenChannels(base, this.width);

  convolve(name: string, inChannels: number, { window, stride, isValid }: Step, outChannels: number): Layer {
    const [R, S] = typeof window === "number" ? [window, window] : window;
    const padding = isValid ? 0 : ([(R - 1) / 2, (S - 1) / 2] as const);
    const { seed } = this;
    return normalisedConvolution({ name, inChannels, outChannels, window, stride, padding, epsilon: 1e-3, seed });
  }

  branch(name: string, inChannels: number, steps: Branch): Piece {
    let channels = inChannels;
    const layers = steps.map((each, i) => {
      if (each === "max pool") return maxPoolLayer(`${name}.pool`, { window: 3, stride: 2 });
      if (each === "average pool") return averagePoolLayer(`${name}.pool`, { window: 3, stride: 1, padding: 1 });
      const from = channels;
      channels = this.widen(each.channels);
      return this.convolve(`${name}.conv${i + 1}`, from, each, channels);
    });
    return { layer: sequential(name, layers), outChannels: channels };
  }

  mix(name: string, inChannels: number, branches: readonly Branch[]): Piece {
    const pieces = branches.map((steps, i) => this.branch(`${name}.branch${i}`, inChannels, steps));
    return {
      layer: branchesLayer(
        name,
        pieces.map(({ layer }) => layer),
      ),
      outChannels: pieces.reduce((sum, { outChannels }) => sum + outChannels, 0),
    };
  }

  /** x + scale · up(branches of x), with `up` a 1×1 convolution with bias back to x's channels, then ReLU. */
  residual(name: string, channels: number, branches: readonly Branch[], scale: number, activates = true): Piece {
    const mixed = this.mix(name, channels, branches);
    const up = conv2dLayer({
      name: `${name}.up`,
      inChannels: mixed.outChannels,
      outChannels: channels,
      window: 1,
      bias: true,
      seed: this.seed,
    });
    const layer: Layer = {
      name,
      variables: [...mixed.layer.variables, ...up.variables],
      forward: (x, context) => {
        const change = up.forward(mixed.layer.forward(x, context), context);
        return inLayer(name, () => {
          const sum = add(scale === 1 ? change : multiply(change, scale), x);
          return activates ? relu(sum) : sum;
        });
      },
    };
    return { layer, outChannels: channels };
  }
}

const block35: readonly Branch[] = [[step(32)], [step(32), step(32, 3)], [step(32), step(48, 3), step(64, 3)]];
const block17: readonly Branch[] = [[step(192)], [step(128), step(160, [1, 7]), step(192, [7, 1])]];
const block8: readonly Branch[] = [[step(192)], [step(192), step(224, [1, 3]), step(256, [3, 1])]];

const mixed5b: readonly Branch[] = [
  [step(96)],
  [step(48), step(64, 5)],
  [step(64), step(96, 3), step(96, 3)],
  ["average pool", step(64)],
];
const mixed6a: readonly Branch[] = [[halving(384)], [step(256), step(256, 3), halving(384)], ["max pool"]];
const mixed7a: readonly Branch[] = [
  [step(256), halving(384)],
  [step(256), halving(288)],
  [step(256), step(288, 3), halving(320)],
  ["max pool"],
];

/**
 * Inception-ResNet-v2, for images of 299 × 299.
 *
 * Source: Szegedy et al., arXiv 1602.07261, figure 15, with the channels and the scales of residuals of the network that its
 * authors published
 */
export function inceptionResnetV2(options: Required<ModelOptions>): Layer {
  const { inputShape, classes, width, firstLayerWidth, seed } = options;
  const build = new InceptionBuilder(width, seed);
  const first = widenChannels(32, firstLayerWidth);
  const layers: Layer[] = [build.convolve("stem1", inputShape[0], halving(32), first)];
  let channels = first;
  const push = ({ layer, outChannels }: Piece): void => {
    layers.push(layer);
    channels = outChannels;
  };
  push(build.branch("stem2", channels, [valid(32, 3), step(64, 3), "max pool", valid(80, 1), valid(192, 3)]));
  push(build.branch("stem3", channels, ["max pool"]));
  push(build.mix("mixed5b", channels, mixed5b));
  for (let i = 0; i < 10; i++) push(build.residual(`block35.${i}`, channels, block35, 0.17));
  push(build.mix("mixed6a", channels, mixed6a));
  for (let i = 0; i < 20; i++) push(build.residual(`block17.${i}`, channels, block17, 0.1));
  push(build.mix("mixed7a", channels, mixed7a));
  for (let i = 0; i < 9; i++) push(build.residual(`block8.${i}`, channels, block8, 0.2));
  push(build.residual("block8.9", channels, block8, 1, false));
  push(build.branch("final", channels, [step(1536)]));
  layers.push(
    globalMeanLayer("mean"),
    linearLayer({ name: "classifier", inFeatures: channels, outFeatures: classes, seed }),
  );
  return sequential("", layers);
}
