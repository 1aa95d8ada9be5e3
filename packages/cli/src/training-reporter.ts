import type { Engine } from "@lowbit/core-tensor";
import type { LossTerms, TrainingCallbacks } from "@lowbit/nn";
import { note } from "./print.js";
import { type Progress, startProgress } from "./progress.js";

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** What the plan takes, and what the operating system has given the process: both are flat once training runs. */
function describeMemory(engine: Engine): string {
  const { residentBytes, scratchBytes } = engine.memory();
  return `${megabytes(residentBytes + scratchBytes)} planned, ${megabytes(process.memoryUsage.rss())} in the process`;
}

/** " (teacher 0.31, apprentice 0.52, distillation 0.61)" */
function formatTerms(terms: LossTerms | undefined, digits: number): string {
  if (!terms) return "";
  return ` (${Object.entries(terms)
    .map(([name, value]) => `${name} ${value.toFixed(digits)}`)
    .join(", ")})`;
}

/** Tells how a run goes, on the error stream: a bar over each epoch's steps on a terminal, and a line for each epoch. */
export function trainingReporter(options: {
  readonly label: string;
  readonly epochs: number;
  readonly show: boolean;
  /** Whose memory each epoch's line tells. */
  readonly engine: Engine;
}): {
  readonly callbacks: TrainingCallbacks;
  stop(): void;
} {
  const { label, epochs, show, engine } = options;
  let bar: Progress | undefined;
  let stepsPerEpoch = 1;
  let started = performance.now();
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const callbacks: TrainingCallbacks = {
    onStart: ({ start, step, totalSteps }) => {
      stepsPerEpoch = totalSteps / epochs;
      if (start === "resumed") note(`${label}: going on after step ${step} of ${totalSteps}`);
      started = performance.now();
    },
    onStep: ({ epoch, step, loss, terms, accuracy }) => {
      bar ??= startProgress(`${label} epoch ${epoch + 1}/${epochs}`, stepsPerEpoch, { show });
      bar.update(
        step - epoch * stepsPerEpoch,
        `loss ${loss.toFixed(3)}${formatTerms(terms, 2)}, ${accuracy.toFixed(0)} %`,
      );
    },
    onEpoch: ({ epoch, loss, terms, accuracy, evaluation }) => {
      stop();
      const test = evaluation ? `, test ${evaluation.accuracy.toFixed(2)} % (loss ${evaluation.loss.toFixed(4)})` : "";
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      note(
        `${label} epoch ${epoch + 1}/${epochs}: loss ${loss.toFixed(4)}${formatTerms(terms, 4)}, train ${accuracy.toFixed(2)} %${test}, ${seconds} s, ${describeMemory(engine)}`,
      );
      started = performance.now();
    },
  };
  return { callbacks, stop };
}
