import type { Alternation } from "../measure/alternate.js";

/** One comparison. Times are milliseconds for one run of the work; `ratio` above 1 means that ours is faster. */
export interface Row {
  /** Names one shape, batch and precision: "train-resnet20-b64". Batch 1 unless it says so. */
  readonly work: string;
  /** What computed it: package and backend. */
  readonly ours: string;
  /** The npm package's name and its backend, or "own fp32". */
  readonly peer: string;
  readonly peerPrecision: "fp32" | "int8";
  readonly peerVersion: string;
  readonly threads: number;
  /** Build of our kernels; the engine's default comes first. */
  readonly build: string;
  readonly oursMedian: number;
  readonly peerMedian: number | null;
  readonly unit: "ms";
  readonly ratio: number | null;
  /** Our rate over what one thread's multiplies and adds reach at best, times the threads. */
  readonly shareOfCeiling: number;
  readonly peerShareOfCeiling: number | null;
  /** Multiplies and adds of the work, each counted as one. */
  readonly operations: number;
  /** Quartiles around the medians, and how many repetitions. */
  readonly oursSpread: readonly [number, number];
  readonly peerSpread: readonly [number, number] | null;
  readonly repetitions: number;
  /** What both sides were compared in before they were timed. */
  readonly agreement: string | null;
  /** Why the peer has no figure. */
  readonly reason?: string;
}

/** What a row says beside its times. */
export type RowLabels = Pick<
  Row,
  "work" | "ours" | "peer" | "peerPrecision" | "peerVersion" | "threads" | "build" | "operations"
> & { readonly agreement?: string };

/** A row of a comparison; `peer` is the index of the peer's side, absent where it could not run. */
export function makeRow(
  labels: RowLabels,
  { sides, ceiling }: Alternation,
  peer: { readonly side: number } | { readonly reason: string },
): Row {
  const [ours] = sides;
  const other = "side" in peer ? sides[peer.side] : undefined;
  const shareOf = (milliseconds: number) => labels.operations / milliseconds / 1e6 / (ceiling * labels.threads);
  return {
    ...{ ...labels, agreement: labels.agreement ?? null },
    ...{ oursMedian: ours.median, peerMedian: other?.median ?? null, unit: "ms" },
    ratio: other ? other.median / ours.median : null,
    shareOfCeiling: shareOf(ours.median),
    peerShareOfCeiling: other ? shareOf(other.median) : null,
    oursSpread: [ours.lowerQuartile, ours.upperQuartile],
    peerSpread: other ? [other.lowerQuartile, other.upperQuartile] : null,
    repetitions: ours.repetitions,
    ...("reason" in peer && { reason: peer.reason }),
  };
}
