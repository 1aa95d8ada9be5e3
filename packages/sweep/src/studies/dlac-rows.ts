import type { FinishedTrial, Trial } from "../define-study.js";
import { type Spread, spreadOf } from "../spread.js";

// dLAC's training (Venkatesh et al., arXiv 1610.00324) at the scale of Fashion-MNIST, on 20,000 of its images: resnet20 at half of its width, so
// that there is depth to look along. Activations stay in full precision, as the paper's do, and the first layer is never lowered. All rows of a
// seed see the same batches from the same weights, and in all the learning rate drops when the training error stops falling.

export const SEEDS = [1, 2, 3];

/** Activations of 0.01 · Σ mean |a|, and what is not above 0.2 becomes 0: of values whose deviation batch norm makes about 1. */
const activationPenalty = 0.01;
const reluThreshold = 0.2;

const ternary = { precision: "w2a32", quantizer: "twn", fp32Epochs: 1 } as const;

/** What is done to a network; null takes a setting of the others away. */
const kinds = {
  fp32: { precision: "fp32", quantizer: "twn" },
  ternary,
  sparse: { ...ternary, activationPenalty, reluThreshold },
  "ternary-from-scratch": { ...ternary, fp32Epochs: null },
  "penalty-alone": { ...ternary, activationPenalty },
  "threshold-alone": { ...ternary, reluThreshold },
  "ternary-cosine": {
    ...{ ...ternary, schedule: "cosine", plateauFactor: null, plateauPatience: null, plateauThreshold: null },
  },
} as const;

export type Kind = keyof typeof kinds;

/** In each seed: they carry the claims. */
export const claimKinds = ["fp32", "ternary", "sparse"] as const satisfies readonly Kind[];
/** In one: what each technique does by itself. */
export const otherKinds = [
  "ternary-from-scratch",
  "ternary-cosine",
  "penalty-alone",
  "threshold-alone",
] as const satisfies readonly Kind[];

/**
 * A small grid: dLAC's assumed one has more units than a layer of this network keeps busy. Its port is wide enough that zeros, not
 * traffic, decide. The event model runs it, on the network's own values for `images` test images.
 */
const simulation = {
  images: 2,
  machine: {
    ...{ mode: "event", name: "a small dLAC grid, assumed", gridRows: 4, gridColumns: 4, lanes: 8 },
    ...{ lookAhead: 0, queueDepth: 4, synchronisation: "pe", dramBitsPerCycle: 4096 },
  },
};

export const trialOf = (kind: Kind, seed: number): Trial => {
  const settings = {
    ...{ model: "resnet20", data: "fashion-mnist", width: 0.5, limit: 20_000, optimiser: "sgd" },
    ...{ epochs: 5, batch: 64, learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4, augment: "crop:2,flip", seed },
    ...{ schedule: "plateau", plateauFactor: 0.3, plateauPatience: 0, plateauThreshold: 0.2 },
    ...kinds[kind],
    simulation: {
      ...simulation,
      machine: { ...simulation.machine, pe: kinds[kind].precision === "fp32" ? "fp32" : "fp32-ternary" },
    },
  };
  return {
    key: `${kind}-seed${seed}`,
    configuration: Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null)),
  };
};

/** In the order in which they run: what carries a claim first, seed by seed, then what each technique does. */
export const allTrials: readonly Trial[] = [
  ...claimKinds.map((kind) => trialOf(kind, SEEDS[0])),
  ...SEEDS.slice(1).flatMap((seed) => claimKinds.map((kind) => trialOf(kind, seed))),
  ...otherKinds.map((kind) => trialOf(kind, SEEDS[0])),
];

/** What the simulator tells of one layer of a trained network. */
export interface LayerSkip {
  readonly layer: string;
  /** From 1: the first layer with weights. */
  readonly depth: number;
  /** Cycles of a grid that skips nothing ÷ cycles of the one that skips zeros. */
  readonly gain: number;
  /** Shares of values that are not zero. */
  readonly weights: number;
  readonly inputs: number;
}

/** The layers of a trial, in their order: results named "skipGain 03 stage1.block0.conv1", and so on. */
function layersOf({ result }: FinishedTrial): LayerSkip[] {
  return Object.entries(result).flatMap(([name, gain]) => {
    const [, number, layer] = /^skipGain (\d+) (.+)$/.exec(name) ?? [];
    if (layer === undefined) return [];
    const of = (what: string): number => result[`${what} ${number} ${layer}`];
    return [{ layer, depth: Number(number), gain, weights: of("weightDensity"), inputs: of("inputDensity") }];
  });
}

/** What the trials of a kind measured, in however many seeds. */
export interface Measured {
  readonly kind: Kind;
  readonly accuracy: Spread;
  /** Dense multiply-accumulates ÷ executed ones. */
  readonly lessCompute: Spread;
  readonly executedMacs: number;
  readonly macs: number;
  /** Cycles without skipping ÷ cycles. */
  readonly speedUp: Spread;
  readonly layers: readonly (Omit<LayerSkip, "gain"> & { readonly gain: Spread })[];
}

/** What there is of a kind; undefined where there is nothing. */
export function measuredOf(finished: readonly FinishedTrial[], kind: Kind): Measured | undefined {
  const trials = SEEDS.flatMap((seed) => finished.find(({ key }) => key === trialOf(kind, seed).key) ?? []);
  if (trials.length === 0) return undefined;
  const spread = (pick: (trial: FinishedTrial) => number): Spread => spreadOf(trials.map(pick));
  const perTrial = trials.map(layersOf);
  return {
    kind,
    accuracy: spread(({ result }) => result.accuracy),
    lessCompute: spread(({ result }) => result.macs / result.executedMacs),
    executedMacs: spread(({ result }) => result.executedMacs).mean,
    macs: spread(({ result }) => result.macs).mean,
    speedUp: spread(({ result }) => result.denseCycles / result.cycles),
    layers: perTrial[0].map(({ layer, depth }, i) => {
      const all = perTrial.map((layers) => layers[i]);
      const mean = (pick: (each: LayerSkip) => number): number => spreadOf(all.map(pick)).mean;
      return {
        ...{ layer, depth, gain: spreadOf(all.map(({ gain }) => gain)) },
        ...{ weights: mean(({ weights }) => weights), inputs: mean(({ inputs }) => inputs) },
      };
    }),
  };
}
