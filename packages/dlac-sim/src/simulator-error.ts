/** Which kind of mistake: a file that can't be read as what it should be, or a value that no machine can have. */
export type SimulatorErrorCode = "LOWBIT_FILE_FORMAT" | "LOWBIT_CONFIGURATION";

export interface SimulatorErrorDetails {
  /** File, line, layer, field: whatever tells a person where to look. */
  readonly where?: string;
  readonly want?: string;
  readonly got?: unknown;
  readonly hint?: string;
}

const line = (label: string, text: string | undefined): string =>
  text === undefined ? "" : `\n  ${label.padEnd(6)} ${text}`;

/**
 * What the simulator refuses. Its codes and texts are those of lowbit's other errors, but the class is its own: this package
 * needs no other of ours.
 */
export class SimulatorError extends Error {
  readonly code: SimulatorErrorCode;
  readonly where: string | undefined;
  readonly want: string | undefined;
  readonly got: unknown;
  readonly hint: string | undefined;

  constructor(code: SimulatorErrorCode, headline: string, { where, want, got, hint }: SimulatorErrorDetails = {}) {
    super(headline + line("where", where) + line("want", want) + line("try", hint));
    this.name = "SimulatorError";
    this.code = code;
    this.where = where;
    this.want = want;
    this.got = got;
    this.hint = hint;
  }
}
