import { branchesLayer } from "../layers/branches-layer.js";
import { type Layer, sequential } from "../layers/layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { averagePoolLayer, globalMeanLayer, maxPoolLayer } from "../layers/pool-layers.js";
import type { ModelOptions } from "./model.js";
import { normalisedConvolution } from "./normalised-convolution.js";
import { widenChannels } from "./widen-channels.js";

/** Channels of one module's branches at 1x. Those that halve the resolution have no 1×1 branch, and their pool is not projected. */
interface Inception {
  readonly name: string;
  readonly single?: number;
  /** [1×1 reduction, 3×3] */
  readonly triple: readonly [number, number];
  /** [1×1 reduction, 3×3 and once more 3×3] */
  readonly double: readonly [number, number];
  readonly pool: "average" | "max";
  readonly projection?: number;
}

const modules: readonly Inception[] = [
  { name: "inception3a", single: 64, triple: [64, 64], double: [64, 96], pool: "average", projection: 32 },
  { name: "inception3b", single: 64, triple: [64, 96], double: [64, 96], pool: "average", projection: 64 },
  { name: "inception3c", triple: [128, 160], double: [64, 96], pool: "max" },
  { name: "inception4a", single: 224, triple: [64, 96], double: [96, 128], pool: "average", projection: 128 },
  { name: "inception4b", single: 192, triple: [96, 128], double: [96, 128], pool: "average", projection: 128 },
  { name: "inception4c", single: 160, triple: [128, 160], double: [128, 160], pool: "average", projection: 128 },
  { name: "inception4d", single: 96, triple: [128, 192], double: [160, 192], pool: "average", projection: 128 },
  { name: "inception4e", triple: [128, 192], double: [192, 256], pool: "max" },
  { name: "inception5a", single: 352, triple: [192, 320], double: [160, 224], pool: "average", projection: 128 },
  { name: "inception5b", single: 352, triple: [192, 320], double: [192, 224], pool: "max", projection: 128 },
];

/** One module, and how many channels it puts out. */
function buildModule(module: Inception, inChannels: number, width: number, seed: number) {
  const { name, single, triple, double, pool, projection } = module;
  const stride = single === undefined ? 2 : 1;
  const conv = (part: string, from: number, to: number, window: number, step = 1): Layer =>
    normalisedConvolution({
      name: `${name}.${part}`,
      inChannels: from,
      outChannels: to,
      window,
      stride: step,
      padding: (window - 1) / 2,
      seed,
    });
  const wide = (base: number) => widenChannels(base, width);
  const [tripleReduced, tripleOut, doubleReduced, doubleOut] = [...triple, ...double].map(wide);
  const poolLayer = pool === "max" ? maxPoolLayer : averagePoolLayer;
  const pooled = poolLayer(`${name}.pool`, { window: 3, stride, padding: 1 });
  const poolOut = projection === undefined ? inChannels : wide(projection);
  const branches = [
    ...(single === undefined ? [] : [conv("single", inChannels, wide(single), 1)]),
    sequential(name, [
      conv("triple.reduce", inChannels, tripleReduced, 1),
      conv("triple.conv3x3", tripleReduced, tripleOut, 3, stride),
    ]),
    sequential(name, [
      conv("double.reduce", inChannels, doubleReduced, 1),
      conv("double.conv3x3a", doubleReduced, doubleOut, 3),
      conv("double.conv3x3b", doubleOut, doubleOut, 3, stride),
    ]),
    projection === undefined ? pooled : sequential(name, [pooled, conv("projection", inChannels, poolOut, 1)]),
  ];
  const outChannels = (single === undefined ? 0 : wide(single)) + tripleOut + doubleOut + poolOut;
  return { layer: branchesLayer(name, branches), outChannels };
}

/**
 * BN-Inception: GoogLeNet with batch norm, and two 3×3 convolutions where that had one of 5×5.
 *
 * Source: Ioffe and Szegedy, arXiv 1502.03167, figure 5; its 4c and 4d as in the network that was published later
 */
export function bnInception({ inputShape, classes, width, firstLayerWidth, seed }: Required<ModelOptions>): Layer {
  const [first, reduced, last] = [
    widenChannels(64, firstLayerWidth),
    ...[64, 192].map((base) => widenChannels(base, width)),
  ];
  const pool = (name: string) => maxPoolLayer(name, { window: 3, stride: 2, padding: 1 });
  const stem = [
    normalisedConvolution({
      name: "conv1",
      inChannels: inputShape[0],
      outChannels: first,
      window: 7,
      stride: 2,
      padding: 3,
      seed,
    }),
    pool("pool1"),
    normalisedConvolution({ name: "conv2.reduce", inChannels: first, outChannels: reduced, window: 1, seed }),
    normalisedConvolution({
      name: "conv2",
      inChannels: reduced,
      outChannels: last,
      window: 3,
      padding: 1,
      seed,
    }),
    pool("pool2"),
  ];
  let channels = last;
  const layers = modules.map((module) => {
    const { layer, outChannels } = buildModule(module, channels, width, seed);
    channels = outChannels;
    return layer;
  });
  return sequential("", [
    ...stem,
    ...layers,
    globalMeanLayer("mean"),
    linearLayer({ name: "classifier", inFeatures: channels, outFeatures: classes, seed }),
  ]);
}
