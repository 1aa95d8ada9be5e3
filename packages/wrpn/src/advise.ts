import { ArgumentError } from "@lowbit/core-tensor";

/** A pair that a network can be trained at, and what it would need. */
export interface Candidate {
  readonly width: number;
  readonly precision: string;
  /** To the 1x network in fp32. */
  readonly relativeCost: number;
  readonly packedBytes: number;
  /** Of inference. */
  readonly memoryBytes: number;
}

/** The accuracy of a trained network, in per cent, and where it was measured. */
export interface MeasuredAccuracy {
  readonly width: number;
  readonly precision: string;
  readonly accuracy: number;
  readonly source: string;
}

/** What a network may need at most; what is absent does not count. */
export interface Budget {
  readonly relativeCost?: number;
  readonly packedBytes?: number;
  readonly memoryBytes?: number;
}

export interface Advice extends Candidate {
  /** What decided its rank: a measured accuracy, or nothing better than its cost. */
  readonly rankedBy: "accuracy" | "cost";
  /** The mean where it was measured several times. */
  readonly accuracy?: number;
  readonly sources?: readonly string[];
}

/**
 * The candidates within a budget: first those whose accuracy somebody has measured, the best one first (of equals the cheaper),
 * then the others, the cheapest first. A cost says nothing about accuracy, and so an unmeasured pair is never put before a
 * measured one.
 *
 * @throws {ArgumentError} for a budget that is empty, or no positive number
 */
export function advise(
  candidates: readonly Candidate[],
  budget: Budget,
  measured: readonly MeasuredAccuracy[] = [],
): Advice[] {
  const limits = Object.entries(budget).filter(([, most]) => most !== undefined) as [keyof Budget, number][];
  if (limits.length === 0 || limits.some(([, most]) => !(most > 0))) {
    throw new ArgumentError("a budget needs something to keep within", {
      where: "budget",
      want: "relativeCost, packedBytes or memoryBytes, above 0",
      got: budget,
    });
  }
  const fitting = candidates.filter((candidate) => limits.every(([name, most]) => candidate[name] <= most));
  const advice = fitting.map((candidate): Advice => {
    const own = measured.filter(
      ({ width, precision }) => width === candidate.width && precision === candidate.precision,
    );
    if (own.length === 0) return { ...candidate, rankedBy: "cost" };
    const accuracy = own.reduce((sum, each) => sum + each.accuracy, 0) / own.length;
    return { ...candidate, rankedBy: "accuracy", accuracy, sources: [...new Set(own.map(({ source }) => source))] };
  });
  const worth = ({ accuracy = Number.NEGATIVE_INFINITY }: Advice): number => accuracy;
  return advice.sort((a, b) => {
    if (a.rankedBy !== b.rankedBy) return a.rankedBy === "accuracy" ? -1 : 1;
    return worth(a) === worth(b) ? a.relativeCost - b.relativeCost : worth(b) - worth(a);
  });
}
