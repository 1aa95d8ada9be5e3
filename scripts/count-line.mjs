/** The line that CI reads: `12 passed, 0 failed`, and `, 3 skipped` where some were. */
export function formatCounts({ passed, failed, skipped = 0 }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
