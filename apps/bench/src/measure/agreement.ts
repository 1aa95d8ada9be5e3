/** Thrown before anything is timed: two sides that compute different things have no ratio. */
export class DisagreementError extends Error {}

/** ‖a − b‖ / ‖b‖ over all values. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new DisagreementError(`${a.length} values against ${b.length}`);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}

/**
 * Passes where two results are as near as `tolerance`.
 *
 * @returns the relative difference, for the row
 */
export function checkAgreement(what: string, a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): number {
  const difference = relativeDifference(a, b);
  if (difference <= tolerance) return difference;
  throw new DisagreementError(`${what} differ by ${difference.toExponential(1)}, allowed are ${tolerance}`);
}
