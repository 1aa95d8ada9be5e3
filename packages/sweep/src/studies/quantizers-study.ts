import type { JsonObject } from "@lowbit/core-tensor/storage";
import type { Section, Series } from "@lowbit/report";
import { defineStudy, type FinishedTrial, type Trial, testAccuracy } from "../define-study.js";
import { type Claim, judgeClaims } from "../judge-claims.js";
import { formatSpread, type Spread, spreadOf } from "../spread.js";

// Every weight quantizer at 1, 2 and 4 bits with inputs in full precision, and every input quantizer at 2 and 4 bits with weights in
// full precision: one thing at a time. The network is resnet8 at a quarter of its width, so thin that low precision hurts it.

const SEEDS = [1, 2, 3];

/** A scheme at a precision, or two quantizers of weights that only overrides can name. */
interface Row {
  readonly quantizer: string;
  readonly precision: string;
}

const row = (quantizer: string, precision: string): Row => ({ quantizer, precision });
const baseline = row("uniform", "fp32");

const weightRows: readonly Row[] = [
  ...["bwn", "dorefa", "wrpn"].map((quantizer) => row(quantizer, "w1a32")),
  ...["twn", "ttq", "uniform", "dorefa", "lsq", "wrpn"].map((quantizer) => row(quantizer, "w2a32")),
  ...["uniform", "dorefa", "lsq", "wrpn", "power-of-two-weight", "group-weight"].map((name) => row(name, "w4a32")),
];
const inputRows: readonly Row[] = ["w32a2", "w32a4"].flatMap((precision) =>
  ["uniform", "pact", "lsq", "lsq-plus"].map((quantizer) => row(quantizer, precision)),
);
const rows: readonly Row[] = [baseline, ...weightRows, ...inputRows];

const nameOf = ({ quantizer, precision }: Row): string =>
  precision === "fp32" ? precision : `${quantizer} ${precision}`;

/** What no scheme chooses is named for all layers but the first and the last. */
function quantizerOf({ quantizer, precision }: Row): JsonObject {
  if (quantizer !== "power-of-two-weight" && quantizer !== "group-weight") return { quantizer, precision };
  const options: JsonObject = quantizer === "group-weight" ? { bits: 4, size: 4 } : { bits: 4 };
  return {
    ...{ quantizer: "uniform", precision },
    overrides: [{ layers: "stage*", weight: { quantizer, options } }],
  };
}

const trialOf = (each: Row, seed: number): Trial => ({
  key: `${nameOf(each).replace(" ", "-")}-seed${seed}`,
  configuration: {
    ...{ model: "resnet8", data: "fashion-mnist", width: 0.25, limit: 10_000, ...quantizerOf(each) },
    ...{ epochs: 3, batch: 128, optimiser: "sgd", learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 },
    ...{ schedule: "cosine", augment: "crop:2,flip", seed },
  },
});

/** What there is of a row, in however many seeds. */
function spreadOfRow(finished: readonly FinishedTrial[], each: Row): Spread | undefined {
  const keys = SEEDS.map((seed) => trialOf(each, seed).key);
  const found = finished.filter(({ key }) => keys.includes(key));
  return found.length === 0 ? undefined : spreadOf(found.map(({ result }) => result.accuracy));
}

/** That one row is above another or, where `par` is given, at most so many points below it. */
const above = (claim: string, better: Row, worse: Row, par?: number): Claim<Row, Spread> => ({
  claim,
  rows: [better, worse],
  decide: ([high, low]) => {
    const numbers = `${nameOf(better)} ${formatSpread(high)}, ${nameOf(worse)} ${formatSpread(low)}`;
    return par === undefined
      ? { holds: high.mean > low.mean, because: numbers }
      : { holds: high.mean >= low.mean - par, because: `${numbers}; at par is at most ${par} points below` };
  },
});

/**
 * What the papers say of themselves and of each other, as it is commonly told, fixed before any trial has run. It has not been
 * checked against the papers' text, and theirs are networks fine-tuned from full precision on larger images.
 */
const claims: readonly Claim<Row, Spread>[] = [
  above("ternary weights are above binary ones (TWN)", row("twn", "w2a32"), row("bwn", "w1a32")),
  above(
    "trained ternary weights are not below those of a fixed scale (TTQ)",
    row("ttq", "w2a32"),
    row("twn", "w2a32"),
    0.5,
  ),
  above("at 2 bits a learned step is above the largest magnitude (LSQ)", row("lsq", "w2a32"), row("uniform", "w2a32")),
  above(
    "at 2 bits inputs with a learned clip are above the fixed [0, 1] (PACT)",
    row("pact", "w32a2"),
    row("uniform", "w32a2"),
  ),
  above(
    "at 2 bits inputs with a learned step are not below those with a learned clip (LSQ)",
    row("lsq", "w32a2"),
    row("pact", "w32a2"),
    0.5,
  ),
  above("four bits with a learned step for weights are at par with fp32 (LSQ)", row("lsq", "w4a32"), baseline, 1),
];

/** How a part of the study is shown: its rows as a table, and accuracy against the slot's bits, a line for each quantizer. */
interface Part {
  readonly slot: "weights" | "inputs";
  readonly text: string;
  readonly rows: readonly Row[];
  readonly bitsOf: (precision: string) => number;
}

const parts: readonly Part[] = [
  {
    slot: "weights",
    text: "Inputs in full precision; mean ± standard deviation (seeds).",
    rows: weightRows,
    bitsOf: (precision) => Number(/^w(\d+)/.exec(precision)?.[1]),
  },
  {
    slot: "inputs",
    text: "Weights in full precision; mean ± standard deviation (seeds).",
    rows: inputRows,
    bitsOf: (precision) => Number(/a(\d+)$/.exec(precision)?.[1]),
  },
];

function seriesOf({ rows: shown, bitsOf }: Part, finished: readonly FinishedTrial[]): Series[] {
  const names = [...new Set(shown.map(({ quantizer }) => quantizer))];
  const series = names.map((name) => ({
    name,
    points: shown.flatMap((each) => {
      const accuracy = each.quantizer === name ? spreadOfRow(finished, each) : undefined;
      return accuracy ? [{ x: bitsOf(each.precision), y: accuracy.mean, spread: accuracy.deviation }] : [];
    }),
  }));
  const fp32 = spreadOfRow(finished, baseline);
  const bits = [...new Set(shown.map(({ precision }) => bitsOf(precision)))];
  const level = fp32 ? [{ name: "fp32", points: bits.map((x) => ({ x, y: fp32.mean })) }] : [];
  return [...level, ...series].filter(({ points }) => points.length > 0);
}

function sectionOf(part: Part, finished: readonly FinishedTrial[]): Section {
  const lines = [baseline, ...part.rows].flatMap((each) => {
    const accuracy = spreadOfRow(finished, each);
    return accuracy ? [[each.precision, each.precision === "fp32" ? "–" : each.quantizer, formatSpread(accuracy)]] : [];
  });
  const series = seriesOf(part, finished);
  return {
    heading: part.slot === "weights" ? "Weights" : "Inputs",
    text: [part.text],
    table: { columns: ["precision", "quantizer", "test accuracy, %"], rows: lines },
    ...(series.length > 0 && {
      chart: {
        name: part.slot,
        title: `test accuracy against bits of ${part.slot}, a line for each quantizer, and fp32's level`,
        chart: { kind: "lines", x: { label: `bits of ${part.slot}` }, y: { label: "test accuracy, %" }, series },
      },
    }),
  };
}

const sections = (finished: readonly FinishedTrial[]): Section[] => parts.map((part) => sectionOf(part, finished));

/** Every quantizer by itself, on 10,000 images of Fashion-MNIST: does the order of the literature hold? */
export const quantizersStudy = defineStudy({
  name: "quantizers",
  version: 1,
  metric: testAccuracy,
  about:
    "every weight quantizer at 1, 2 and 4 bits and every input quantizer at 2 and 4 bits, on 10,000 images of Fashion-MNIST",
  trials: SEEDS.flatMap((seed) => rows.map((each) => trialOf(each, seed))),
  judge: (finished) =>
    judgeClaims(claims, {
      seeds: SEEDS.length,
      nameOf,
      valueOf: (each) => {
        const spread = spreadOfRow(finished, each);
        return spread?.count === SEEDS.length ? spread : undefined;
      },
    }),
  sections,
});
