import { defineStudy, type FinishedTrial, type Verdict } from "../define-study.js";
import { judgeClaims } from "../judge-claims.js";
import { formatSpread } from "../spread.js";
import {
  allTrials,
  baselineOf,
  bitsPerCharacter,
  CELLS,
  FACTORS,
  isWhole,
  type Measured,
  measuredOf,
  nameOf,
  PRECISIONS,
  type Row,
  rowsOf,
  SEEDS,
} from "./rnn-rows.js";
import { rnnSections } from "./rnn-sections.js";

// Kapur et al., "Low Precision RNNs", arXiv 1710.07706: the hidden state grows as bits fall. Is the network that reaches fp32's quality
// still smaller than fp32?

const digits = bitsPerCharacter.digits;
const tell = (row: Row, { bits, packedBytes }: Measured): string =>
  `${nameOf(row)} ${formatSpread(bits, digits)}, ${packedBytes} bytes`;

/** One pair of a cell and a precision is enough; it is not found only when every row has all its seeds. */
function belowBreakEven(finished: readonly FinishedTrial[]): Verdict {
  const claim = "at some precision a wider network is at least as good as fp32 at 1x and smaller as a whole";
  const found: string[] = [];
  const missing: string[] = [];
  for (const cell of CELLS) {
    const fp32 = measuredOf(finished, baselineOf(cell));
    if (!isWhole(fp32)) {
      missing.push(nameOf(baselineOf(cell)));
      continue;
    }
    for (const row of PRECISIONS.flatMap((precision) => rowsOf(cell, precision))) {
      const measured = measuredOf(finished, row);
      if (!isWhole(measured)) missing.push(nameOf(row));
      else if (measured.bits.mean <= fp32.bits.mean && measured.packedBytes < fp32.packedBytes) {
        found.push(`${tell(row, measured)} (${tell(baselineOf(cell), fp32)})`);
      }
    }
  }
  if (found.length > 0) return { claim, verdict: "reproduced", because: found.join("; ") };
  if (missing.length > 0) {
    return { claim, verdict: "open", because: `not in all ${SEEDS.length} seeds yet: ${missing.join(", ")}` };
  }
  return {
    claim,
    verdict: "not reproduced",
    because: "every row that reaches fp32's bits per character is larger, or none does",
  };
}

const growing = PRECISIONS.flatMap((precision) =>
  CELLS.map((cell) => {
    const factors = FACTORS[precision];
    const ends = [factors[0], factors[factors.length - 1]].map((factor): Row => ({ cell, precision, factor }));
    return {
      claim: `${cell}, ${precision}: ${ends[1].factor}x has fewer bits per character than ${ends[0].factor}x`,
      rows: ends,
      decide: ([thin, wide]: readonly Measured[]) => ({
        holds: wide.bits.mean < thin.bits.mean,
        because: `${tell(ends[1], wide)}; ${tell(ends[0], thin)}`,
      }),
    };
  }),
);

/** Hidden multiplier against precision on the text of Moby-Dick: what a low-precision recurrent network of fp32's quality weighs. */
export const rnnStudy = defineStudy({
  name: "rnn",
  version: 1,
  about:
    "recurrent networks on Moby-Dick, character by character: hidden multiplier against precision, from 64 hidden units",
  metric: bitsPerCharacter,
  trials: allTrials,
  judge: (finished) => [
    belowBreakEven(finished),
    ...judgeClaims(growing, {
      seeds: SEEDS.length,
      nameOf,
      valueOf: (row) => {
        const measured = measuredOf(finished, row);
        return isWhole(measured) ? measured : undefined;
      },
    }),
  ],
  sections: rnnSections,
});
