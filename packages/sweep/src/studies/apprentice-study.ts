import { defineStudy, testAccuracy } from "../define-study.js";
import { type Claim, judgeClaims } from "../judge-claims.js";
import { formatSpread, spreadOf } from "../spread.js";
import {
  accuraciesOf,
  claimRows,
  EPOCHS,
  FEWER_EPOCHS,
  otherRows,
  type Row,
  rowsOf,
  SEEDS,
  teacher,
  trialOf,
} from "./apprentice-rows.js";
import { apprenticeSections } from "./apprentice-sections.js";

// Mishra and Marr, "Apprentice", arXiv 1711.05852, at the scale of Fashion-MNIST: no teacher < A ≈ B < C, and B in fewer epochs
// than A; and from the third paper, arXiv 1803.00227, that widening and distillation compose.

/** One-sided 95 % point of Student's t with four degrees of freedom: five pairs. */
const T_OF_FIVE_PAIRS = 2.132;
/** "About the same": means that lie no further apart, in points. */
const PAR = 0.5;

const differences = (more: readonly number[], fewer: readonly number[]): number[] =>
  more.map((each, i) => each - fewer[i]);

/** Whether paired differences are above 0 by more than chance lets them be, one in twenty times. */
function isAbove(pairs: readonly number[]): boolean {
  const { mean, deviation, count } = spreadOf(pairs);
  return mean > (T_OF_FIVE_PAIRS * deviation) / Math.sqrt(count);
}

type ApprenticeClaim = Claim<Row, readonly number[]>;

const pairText = (name: string, pairs: readonly number[]): string =>
  `${name} by ${formatSpread(spreadOf(pairs))} points`;

/** A claim that the first row is above the second and, where a control is given, above that too. */
function aboveClaim(claim: string, rows: readonly Row[], names: readonly string[]): ApprenticeClaim {
  return {
    claim,
    rows,
    decide: ([own, ...others]) => {
      const pairs = others.map((other) => differences(own, other));
      return { holds: pairs.every(isAbove), because: pairs.map((each, i) => pairText(names[i], each)).join("; ") };
    },
  };
}

const claims: readonly ApprenticeClaim[] = [
  aboveClaim("ternary: scheme A is above no teacher", rowsOf("ternary", "a", "none"), ["above no teacher"]),
  aboveClaim("ternary: scheme B is above no teacher", rowsOf("ternary", "b", "none"), ["above no teacher"]),
  {
    claim: "ternary: schemes A and B are about the same",
    rows: rowsOf("ternary", "a", "b"),
    decide: ([a, b]) => ({
      holds: Math.abs(spreadOf(differences(b, a)).mean) <= PAR,
      because: `${pairText("B above A", differences(b, a))}; the same is at most ${PAR} apart`,
    }),
  },
  aboveClaim("ternary: scheme C is above scheme B", rowsOf("ternary", "c", "b"), ["above B"]),
  aboveClaim(
    "ternary: what scheme C gains is the teacher's, not the warm start's or the further epochs'",
    rowsOf("ternary", "c", "c-no-teacher", "none-as-long-as-c"),
    ["above its two phases without a teacher", "above no teacher for as many epochs"],
  ),
  {
    claim: `ternary: scheme B reaches A's accuracy in fewer epochs (${FEWER_EPOCHS} for ${EPOCHS})`,
    rows: rowsOf("ternary", "b-fewer-epochs", "a"),
    decide: ([fewer, a]) => ({
      holds: spreadOf(differences(fewer, a)).mean >= 0,
      because: pairText("B, shorter, above A", differences(fewer, a)),
    }),
  },
  aboveClaim("w2a2 twice as wide: a teacher adds to the width", rowsOf("wide", "b", "none"), ["above no teacher"]),
];

/** Low-precision students with and without a teacher, by all three schemes, seed for seed. */
export const apprenticeStudy = defineStudy({
  name: "apprentice",
  version: 1,
  metric: testAccuracy,
  about:
    "Apprentice's claims on the full Fashion-MNIST: no teacher, schemes A, B and C, each with its control, in pairs",
  trials: [
    teacher,
    ...SEEDS.flatMap((seed) => claimRows.map((row) => trialOf(row, seed))),
    ...otherRows.map((row) => trialOf(row, SEEDS[0])),
  ],
  judge: (finished) =>
    judgeClaims(claims, {
      seeds: SEEDS.length,
      nameOf: ({ student, way }) => `${student}-${way}`,
      valueOf: (row) => accuraciesOf(finished, row),
    }),
  sections: apprenticeSections,
});
