import { checkAgreement, DisagreementError } from "../measure/agreement.js";
import { alternate } from "../measure/alternate.js";
import { makeRow, type Row, type RowLabels } from "../report/row.js";
import type { SuiteRun } from "./suite.js";

/** One side, ready to compute. */
export interface Contestant {
  readonly version: string;
  /** Does the work once and resolves to its result. */
  run(): Promise<ArrayLike<number>>;
  close(): Promise<void>;
}

/** Another side of a contest. */
export interface Peer {
  readonly name: string;
  readonly precision: Row["peerPrecision"];
  open(): Promise<Contestant>;
  /** How near its result must be to ours; null where it computes something else, and `agreement` says how ours was checked. */
  readonly tolerance: number | null;
  readonly agreement?: string;
}

export type ContestLabels = Omit<RowLabels, "peer" | "peerPrecision" | "peerVersion" | "agreement">;

const describeFailure = (error: unknown): string => String((error as Error).message ?? error).split("\n")[0];

/**
 * One work, ours against all its peers in the same rounds, each peer a row. Results are compared first; a peer that does
 * not start here gets its reason, and comes last.
 *
 * @throws {DisagreementError} when a peer that runs computes something else
 */
export async function contest(
  labels: ContestLabels,
  ours: Contestant,
  peers: readonly Peer[],
  { budgetMs, meter, progress }: SuiteRun & { readonly budgetMs: number },
): Promise<Row[]> {
  progress(`${labels.work} (${labels.build}) against ${peers.map(({ name }) => name).join(", ")}`);
  const expected = Float64Array.from(await ours.run());
  const open: { readonly peer: Peer; readonly side: Contestant; readonly agreement: string }[] = [];
  const absent: { readonly peer: Peer; readonly reason: string }[] = [];
  for (const peer of peers) {
    try {
      const side = await peer.open();
      const values = await side.run();
      const difference = peer.tolerance === null ? null : checkAgreement(peer.name, values, expected, peer.tolerance);
      const agreement = difference === null ? (peer.agreement ?? "") : `results within ${difference.toExponential(1)}`;
      open.push({ peer, side, agreement });
    } catch (error) {
      if (error instanceof DisagreementError) throw new DisagreementError(`${labels.work}: ${error.message}`);
      absent.push({ peer, reason: describeFailure(error) });
    }
  }
  const works = [ours, ...open.map(({ side }) => side)].map((side) => () => side.run());
  const measured = await alternate(works, { budgetMs, meter, fused: labels.build === "relaxed" });
  for (const { side } of open) await side.close();
  const labelsOf = ({ name, precision }: Peer) => ({ ...labels, peer: name, peerPrecision: precision });
  return [
    ...open.map(({ peer, side: { version }, agreement }, i) =>
      makeRow({ ...labelsOf(peer), peerVersion: version, agreement }, measured, { side: i + 1 }),
    ),
    ...absent.map(({ peer, reason }) => makeRow({ ...labelsOf(peer), peerVersion: "–" }, measured, { reason })),
  ];
}
