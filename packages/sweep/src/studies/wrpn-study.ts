import { defineStudy, testAccuracy } from "../define-study.js";
import { type Claim, judgeClaims } from "../judge-claims.js";
import { formatSpread, type Spread } from "../spread.js";
import { accuracyOf, allTrials, baseline, type Row, rowOf, SEEDS } from "./wrpn-rows.js";
import { wrpnSections } from "./wrpn-sections.js";

// Mishra et al., "WRPN", arXiv 1709.01134, at the scale of Fashion-MNIST: does the shape of its claims hold?

/** "At par" is: at most so many points below. The paper's own row lies 0.01 below. */
const PAR = 0.5;

const claims: readonly Claim<Row, Spread>[] = [
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

/** Width against precision on Fashion-MNIST, and the four claims of WRPN. Rows that carry a claim come first. */
export const wrpnStudy = defineStudy({
  name: "wrpn",
  version: 1,
  metric: testAccuracy,
  about: "WRPN's claims on the full Fashion-MNIST: width against precision, from a resnet8 of quarter width",
  trials: allTrials,
  judge: (finished) =>
    judgeClaims(claims, {
      seeds: SEEDS.length,
      nameOf: ({ factor, precision }) => `${factor}x ${precision}`,
      valueOf: (row) => accuracyOf(finished, row),
    }),
  sections: wrpnSections,
});
