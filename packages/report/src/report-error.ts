/** Thrown for a report that can't be shown as it is: it names the chart or the table, and what would be right. */
export class ReportError extends Error {
  override readonly name = "ReportError";
  readonly code = "LOWBIT_REPORT";
}
