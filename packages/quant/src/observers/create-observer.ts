import { ConfigurationError } from "@lowbit/core-tensor";
import { didYouMean } from "@lowbit/nn";
import { z } from "zod";
import { entropyRange } from "./entropy-range.js";
import { EvenSample } from "./even-sample.js";
import { meanSquaredErrorRange } from "./mean-squared-error-range.js";
import { percentileRange } from "./percentile-range.js";
import { anchored, extremesOf, type GridQuestion, type ValueRange } from "./value-range.js";

/** Sees values pass, batch after batch, and says where a uniform grid for them should begin and end. */
export interface Observer {
  /** @throws {ArgumentError} when a value is NaN or infinite */
  observe(values: ArrayLike<number>): void;
  /** Of all that was observed; a grid of nearly no width at 0 where that was nothing. */
  range(): ValueRange;
}

interface ObserverKind {
  /** What may stand behind its name and a colon; one that takes nothing has none. */
  readonly parameter?: { readonly usual: number; readonly want: string; readonly holds: (value: number) => boolean };
  readonly create: (question: GridQuestion, parameter: number) => Observer;
}

/** The extremes of all values. */
function minMax({ anchor }: GridQuestion): Observer {
  let all: ValueRange | undefined;
  return {
    observe: (values) => {
      if (values.length === 0) return;
      const { min, max } = extremesOf(values);
      all = all ? { min: Math.min(all.min, min), max: Math.max(all.max, max) } : { min, max };
    },
    range: () => anchored(all ?? { min: 0, max: 0 }, anchor),
  };
}

/** m · old + (1 − m) · new, of the extremes of each batch; the first batch counts whole. Source: Jacob et al., arXiv 1712.05877, section 3.1 */
function movingAverage({ anchor }: GridQuestion, momentum: number): Observer {
  let mean: ValueRange | undefined;
  const moved = (old: number, now: number) => momentum * old + (1 - momentum) * now;
  return {
    observe: (values) => {
      if (values.length === 0) return;
      const now = extremesOf(values);
      mean = mean ? { min: moved(mean.min, now.min), max: moved(mean.max, now.max) } : now;
    },
    range: () => anchored(mean ?? { min: 0, max: 0 }, anchor),
  };
}

/** An observer that looks at all values together: at an even sample of them, and their extremes. */
function together(rangeOf: (values: ArrayLike<number>) => ValueRange): Observer {
  const sample = new EvenSample();
  return {
    observe: (values) => {
      extremesOf(values); // refuses what is not finite
      sample.add(values);
    },
    range: () => rangeOf(sample.values()),
  };
}

const kinds: Readonly<Record<string, ObserverKind>> = {
  "min-max": { create: minMax },
  "moving-average": {
    parameter: { usual: 0.9, want: "a momentum from 0, below 1", holds: (m) => m >= 0 && m < 1 },
    create: movingAverage,
  },
  percentile: {
    parameter: { usual: 99.9, want: "a percentile above 50, at most 100", holds: (p) => p > 50 && p <= 100 },
    create: (question, p) => together((values) => percentileRange(values, question, p)),
  },
  "mean-squared-error": { create: (question) => together((values) => meanSquaredErrorRange(values, question)) },
  entropy: { create: (question) => together((values) => entropyRange(values, question)) },
};

/** The observers, as configurations name them. */
export const observerNames: readonly string[] = Object.keys(kinds);

interface ParsedObserver extends Pick<ObserverKind, "create"> {
  readonly parameter: number;
}

/** "percentile:99.9" as what it means; or what is wanted instead. */
function parseObserver(text: string): ParsedObserver | { readonly want: string } {
  const [, name, written] = /^([a-z-]+)(?::(\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  const kind = name !== undefined && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!kind) {
    const near = didYouMean(text.split(":")[0], observerNames);
    return { want: `one of ${observerNames.join(", ")}${near === undefined ? "" : `; did you mean ${near}?`}` };
  }
  const { parameter, create } = kind;
  if (!parameter)
    return written === undefined ? { create, parameter: 0 } : { want: `${name} alone: it takes no number` };
  const value = written === undefined ? parameter.usual : Number(written);
  return parameter.holds(value) ? { create, parameter: value } : { want: `${name}:NUMBER with ${parameter.want}` };
}

/** How much of the old range a moving average keeps; undefined of an observer that is another. */
export function momentumOf(observer: string | undefined): number | undefined {
  const parsed = observer === undefined ? undefined : parseObserver(observer);
  return parsed && "create" in parsed && parsed.create === movingAverage ? parsed.parameter : undefined;
}

/** The name of an observer as an option: "min-max", "percentile:99.9". */
export const observerOption = z
  .string()
  .max(100)
  .superRefine((text, context) => {
    const parsed = parseObserver(text);
    if ("want" in parsed) context.addIssue({ code: "custom", message: `an observer: ${parsed.want}` });
  });

/**
 * Makes an observer.
 *
 * min-max                the extremes
 * moving-average[:m]     of each batch's extremes, with momentum m; 0.9 where absent. Of a quantizer it goes on in training
 * percentile[:p]         leaves the outermost (100 − p) per cent outside; 99.9 where absent
 * mean-squared-error     the range of the least squared error on the grid
 * entropy                the range of the least Kullback-Leibler divergence on the grid
 *
 * The last three look at up to 65,536 values, evenly taken.
 *
 * @throws {ConfigurationError} for a name or number that makes no sense
 * @example
 * const observer = createObserver("percentile:99.9", { levels: 16, anchor: "zero" });
 * observer.observe(activations);
 * const { max } = observer.range();
 */
export function createObserver(name: string, question: GridQuestion): Observer {
  const parsed = parseObserver(name);
  if ("want" in parsed) {
    throw new ConfigurationError(`there is no observer ${JSON.stringify(name)}`, {
      where: "observer",
      want: parsed.want,
      got: name,
    });
  }
  if (!Number.isInteger(question.levels) || question.levels < 2) {
    throw new ConfigurationError(`a grid can't have ${question.levels} levels`, {
      where: "levels",
      want: "a whole number from 2",
      got: question.levels,
    });
  }
  return parsed.create(question, parsed.parameter);
}

/** Where a grid should begin and end for these values, as an observer sees them pass. */
export function observedRange(name: string, question: GridQuestion, batches: readonly ArrayLike<number>[]): ValueRange {
  const observer = createObserver(name, question);
  for (const batch of batches) observer.observe(batch);
  return observer.range();
}
