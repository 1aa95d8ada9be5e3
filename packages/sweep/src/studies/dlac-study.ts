import { defineStudy, testAccuracy } from "../define-study.js";
import { type Claim, judgeClaims } from "../judge-claims.js";
import { rankCorrelation } from "../rank-correlation.js";
import { formatSpread } from "../spread.js";
import { allTrials, type Kind, type Measured, measuredOf, SEEDS } from "./dlac-rows.js";
import { dlacSections } from "./dlac-sections.js";

/** "Equal accuracy" is: at most so many points below. */
const PAR = 0.5;
/** "About 3x less" is at least this. */
const ABOUT_THREE = 2.5;
/** Of 18 layers in a row, a rank correlation that is above this one time in twenty by chance. */
const RISES = 0.4;

const numbers = ({ kind, accuracy, lessCompute }: Measured): string =>
  `${kind} ${formatSpread(accuracy)} % with ${formatSpread(lessCompute)} times less compute than its dense count`;

/** The convolutions of the residual blocks: neither the first layer, which is never lowered, nor shortcuts, nor the classifier. */
const innerLayers = ({ layers }: Measured) => layers.filter(({ layer }) => /\.conv\d+$/.test(layer));

function riseOf(measured: Measured): { readonly rho: number; readonly text: string } {
  const inner = innerLayers(measured);
  const rho = rankCorrelation(
    inner.map(({ depth }) => depth),
    inner.map(({ gain }) => gain.mean),
  );
  const third = Math.floor(inner.length / 3);
  const mean = (layers: typeof inner): string =>
    (layers.reduce((sum, { gain }) => sum + gain.mean, 0) / layers.length).toFixed(2);
  const text = `${measured.kind}: ρ ${rho.toFixed(2)}, mean gain ${mean(inner.slice(0, third))} in the first third of the layers, ${mean(inner.slice(-third))} in the last`;
  return { rho, text };
}

const claims: readonly Claim<Kind, Measured>[] = [
  {
    claim: "ternary weights and induced sparsity take about 3x less compute than full precision at equal accuracy",
    rows: ["fp32", "sparse"],
    decide: ([fp32, sparse]) => ({
      holds: sparse.accuracy.mean >= fp32.accuracy.mean - PAR && fp32.macs / sparse.executedMacs >= ABOUT_THREE,
      because: `${numbers(sparse)}; ${numbers(fp32)}; equal is at most ${PAR} points below, about 3x is at least ${ABOUT_THREE}`,
    }),
  },
  {
    claim: "a raised ReLU threshold and a price on activations save compute at equal accuracy",
    rows: ["ternary", "sparse"],
    decide: ([ternary, sparse]) => ({
      holds: sparse.accuracy.mean >= ternary.accuracy.mean - PAR && sparse.executedMacs < ternary.executedMacs,
      because: `${numbers(sparse)}; ${numbers(ternary)}; equal is at most ${PAR} points below`,
    }),
  },
  {
    claim: "the gain from skipping zeros grows with depth",
    rows: ["ternary", "sparse"],
    decide: (rows) => {
      const rises = rows.map(riseOf);
      return {
        holds: rises.every(({ rho }) => rho >= RISES),
        because: `rank correlation of gain and depth over the blocks' convolutions, simulated; at least ${RISES} is growth. ${rises.map(({ text }) => text).join("; ")}`,
      };
    },
  },
];

/** dLAC's training techniques on Fashion-MNIST, and what an accelerator that skips zeros makes of the networks. */
export const dlacStudy = defineStudy({
  name: "dlac",
  version: 1,
  about:
    "dLAC's training and zero skipping on 20,000 images of Fashion-MNIST: resnet20 of half width, trained here and simulated",
  metric: testAccuracy,
  trials: allTrials,
  judge: (finished) =>
    judgeClaims(claims, {
      seeds: SEEDS.length,
      nameOf: (kind) => kind,
      valueOf: (kind) => {
        const measured = measuredOf(finished, kind);
        return measured?.accuracy.count === SEEDS.length ? measured : undefined;
      },
    }),
  sections: dlacSections,
});
