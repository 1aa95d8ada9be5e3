import type { Section } from "@lowbit/report";
import type { FinishedTrial } from "../define-study.js";
import { formatSpread, spreadOf } from "../spread.js";
import { claimRows, finishedOf, otherRows, type Row, rowsOf, teacher } from "./apprentice-rows.js";

/**
 * Top-1 error in per cent on ILSVRC-12, as others quote arXiv 1711.05852: ternary weights on ResNet-18, w4a8 on ResNet-50. Rows
 * that the paper doesn't print, or that we know from no source, are missing.
 */
const PRINTED: Readonly<Record<string, string>> = {
  ...{ "ternary-none": "33.4", "ternary-a": "31.5" },
  ...{ "four-bit-none": "28.5", "four-bit-a": "25.5", "four-bit-c": "25.1" },
};

const nameOf = ({ student, way }: Row): string => `${student}-${way}`;
const seedOf = ({ configuration }: FinishedTrial) => configuration.seed;

/** The first epoch at low precision after which a trial is no worse than scheme A's trial of its seed is in the end. */
function epochsToReachA(trial: FinishedTrial, ofA: readonly FinishedTrial[]): number | undefined {
  const goal = ofA.find((each) => seedOf(each) === seedOf(trial))?.result.accuracy;
  if (goal === undefined) return undefined;
  for (let epoch = 1; trial.result[`epoch${epoch}Accuracy`] !== undefined; epoch++)
    if (trial.result[`epoch${epoch}Accuracy`] >= goal) return epoch;
  return undefined;
}

function describeEpochs(trials: readonly FinishedTrial[], ofA: readonly FinishedTrial[]): string {
  const reached = trials.flatMap((trial) => epochsToReachA(trial, ofA) ?? []);
  if (reached.length === 0) return "–";
  return `${spreadOf(reached).mean.toFixed(1)} (${reached.length} of ${trials.length} seeds)`;
}

function describeTime(trials: readonly FinishedTrial[]): string {
  const seconds = trials.flatMap(({ result }) => result.processorSeconds ?? []).sort((a, b) => a - b);
  return seconds.length === 0 ? "–" : seconds[Math.floor(seconds.length / 2)].toFixed(0);
}

function errors(finished: readonly FinishedTrial[]): Section {
  const rows = [...claimRows, ...otherRows].flatMap((row) => {
    const found = finishedOf(finished, row);
    if (found.length === 0) return [];
    const ours = formatSpread(spreadOf(found.map(({ result }) => 100 - result.accuracy)));
    const [a] = rowsOf(row.student, "a");
    const epochs = describeEpochs(found, finishedOf(finished, a));
    return [[nameOf(row), ours, epochs, describeTime(found), PRINTED[nameOf(row)] ?? "–"]];
  });
  const taught = finished.find(({ key }) => key === teacher.key);
  const own = taught ? ` The trained teacher's error is ${(100 - taught.result.accuracy).toFixed(2)} %.` : "";
  return {
    heading: "Errors, beside the paper",
    text: [
      `Ours: error on the test images of Fashion-MNIST in per cent, mean ± standard deviation (seeds), and after how many epochs at low precision a trial is no worse than scheme A's of its seed is in the end. Processor seconds: of a whole trial, teacher included, its median over the trials that ran in one go; the first trial of a seed that asks a frozen teacher computes the logits for the rest.${own} The paper's, as others quote them: top-1 error on ILSVRC-12 in per cent, ternary weights on ResNet-18 and w4a8 on ResNet-50; compare the order, not the height.`,
    ],
    table: {
      columns: ["student and scheme", "error", "epochs to A's error", "processor seconds", "error in the paper"],
      rows,
    },
  };
}

/** What the frozen teacher cost, and what the cache saved of it. */
function teacherTime(finished: readonly FinishedTrial[]): Section {
  const asked = finished.filter(({ result }) => result.cacheHit !== undefined);
  const rows = [0, 1].map((hit) => {
    const trials = asked.filter(({ result }) => result.cacheHit === hit);
    const seconds = trials.map(({ result }) => result.teacherSeconds);
    const total = seconds.reduce((sum, value) => sum + value, 0);
    return [hit ? "hit" : "miss", String(trials.length), total.toFixed(1)];
  });
  return {
    heading: "The teacher's time",
    text: [
      "Seconds in which a frozen teacher computed logits, by the wall clock: other programs on the machine count. Trials of one seed see the same images, so the first one to need an epoch's logits computes them for all.",
    ],
    table: { columns: ["cache", "trials", "seconds"], rows },
  };
}

/** What the report of the study shows beside the verdicts. */
export const apprenticeSections = (finished: readonly FinishedTrial[]): Section[] => [
  errors(finished),
  teacherTime(finished),
];
