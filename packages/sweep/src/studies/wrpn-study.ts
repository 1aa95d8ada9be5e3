import { defineStudy, type FinishedTrial, type Trial, type Verdict } from "../define-study.js";
import { formatSpread, type Spread, spreadOf } from "../spread.js";

// Mishra et al., "WRPN", arXiv 1709.01134, at the scale of Fashion-MNIST: does the shape of its claims hold?
//
// The base network, 1x, is resnet8 at a quarter of its width (4, 8 and 16 channels): so thin that low precision hurts it
// within three epochs. Everything but width and precision is as in the fp32 baseline, the paper's rule.

const BASE_WIDTH = 0.25;
const SEEDS = [1, 2, 3];
const GRID_BITS = [32, 8, 4, 2, 1];

/** A row of the paper's tables: factor on the width, precision. */
interface Row {
  readonly factor: number;
  readonly precision: string;
}

const baseline: Row = { factor: 1, precision: "fp32" };
const rowOf = (factor: number, precision: string): Row => ({ factor, precision });

/** Each in three seeds. */
const claimRows: readonly Row[] = [
  baseline,
  ...["w4a4", "w2a4", "w2a2", "w1a1"].map((precision) => rowOf(2, precision)),
  ...[1, 1.3, 3].map((factor) => rowOf(factor, "w1a1")),
  ...["w4a32", "w32a4", "w2a32", "w32a2"].map((precision) => rowOf(1, precision)),
];

const precisionOf = (weightBits: number, activationBits: number): string =>
  weightBits === 32 && activationBits === 32 ? "fp32" : `w${weightBits}a${activationBits}`;

/** The sensitivity grid, weights × activations at 1x, in one seed. */
const gridRows = GRID_BITS.flatMap((w) => GRID_BITS.map((a) => rowOf(1, precisionOf(w, a))));

const trialOf = ({ factor, precision }: Row, seed: number): Trial => ({
  key: `${factor}x-${precision}-seed${seed}`,
  configuration: {
    ...{ model: "resnet8", data: "fashion-mnist", width: BASE_WIDTH * factor, precision, quantizer: "wrpn" },
    ...{ epochs: 3, batch: 128, optimiser: "sgd", learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 },
    ...{ schedule: "cosine", augment: "crop:2,flip", seed },
  },
});

const all = [
  ...SEEDS.flatMap((seed) => claimRows.map((row) => trialOf(row, seed))),
  ...gridRows.map((row) => trialOf(row, SEEDS[0])),
];

/** The accuracies of a row's finished trials; undefined until each seed is there. */
function accuracyOf(finished: readonly FinishedTrial[], row: Row): Spread | undefined {
  const keys = SEEDS.map((seed) => trialOf(row, seed).key);
  const found = finished.filter(({ key }) => keys.includes(key));
  return found.length < SEEDS.length ? undefined : spreadOf(found.map(({ result }) => result.accuracy));
}

interface Claim {
  readonly claim: string;
  readonly rows: readonly Row[];
  /** Whether the rows' accuracies bear it out, and the numbers that say so. */
  decide(accuracies: readonly Spread[]): { readonly holds: boolean; readonly because: string };
}

/** "At par" is: at most so many points below. The paper's own row lies 0.01 below. */
const PAR = 0.5;

const claims: readonly Claim[] = [
  {
    claim: "activations are more sensitive to precision than weights",
    rows: ["w4a32", "w32a4", "w2a32", "w32a2"].map((precision) => rowOf(1, precision)),
    decide: ([w4, a4, w2, a2]) => ({
      holds: a4.mean < w4.mean && a2.mean < w2.mean,
      because: `4 bits: weights ${formatSpread(w4)}, activations ${formatSpread(a4)}; 2 bits: weights ${formatSpread(w2)}, activations ${formatSpread(a2)}`,
    }),
  },
  {
    claim: "at 2x width w4a4 is above the 1x fp32 baseline",
    rows: [baseline, rowOf(2, "w4a4")],
    decide: ([fp32, wide]) => ({
      holds: wide.mean > fp32.mean,
      because: `2x w4a4 ${formatSpread(wide)}, 1x fp32 ${formatSpread(fp32)}`,
    }),
  },
  {
    claim: "at 2x width w2a4 is at par with the 1x fp32 baseline",
    rows: [baseline, rowOf(2, "w2a4")],
    decide: ([fp32, wide]) => ({
      holds: wide.mean >= fp32.mean - PAR,
      because: `2x w2a4 ${formatSpread(wide)}, 1x fp32 ${formatSpread(fp32)}; at par is at most ${PAR} points below`,
    }),
  },
  {
    claim: "binary networks recover most of their loss with width",
    rows: [baseline, rowOf(1, "w1a1"), rowOf(2, "w1a1"), rowOf(3, "w1a1")],
    decide: ([fp32, thin, twice, thrice]) => {
      const recovered = ({ mean }: Spread): number => (100 * (mean - thin.mean)) / (fp32.mean - thin.mean);
      return {
        holds: fp32.mean > thin.mean && recovered(thrice) > 50,
        because: `1x fp32 ${formatSpread(fp32)}; w1a1 at 1x ${formatSpread(thin)}, 2x ${formatSpread(twice)}, 3x ${formatSpread(thrice)}: ${recovered(twice).toFixed(0)} % of the loss is back at 2x, ${recovered(thrice).toFixed(0)} % at 3x`,
      };
    },
  },
];

function judge(finished: readonly FinishedTrial[]): Verdict[] {
  return claims.map(({ claim, rows, decide }) => {
    const accuracies = rows.map((row) => accuracyOf(finished, row));
    const missing = rows.filter((_, i) => accuracies[i] === undefined);
    if (missing.length > 0) {
      const names = missing.map(({ factor, precision }) => `${factor}x ${precision}`);
      return { claim, verdict: "open", because: `not in all ${SEEDS.length} seeds yet: ${names.join(", ")}` };
    }
    const { holds, because } = decide(accuracies as Spread[]);
    return { claim, verdict: holds ? "reproduced" : "not reproduced", because };
  });
}

/** Width against precision on Fashion-MNIST, and the four claims of WRPN. Rows that carry a claim come first. */
export const wrpnStudy = defineStudy({
  name: "wrpn",
  version: 1,
  about: "WRPN's claims on the full Fashion-MNIST: width against precision, from a resnet8 of quarter width",
  trials: all.filter(({ key }, i) => all.findIndex((other) => other.key === key) === i),
  judge,
});
