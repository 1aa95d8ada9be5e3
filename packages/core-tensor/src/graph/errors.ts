/** What a mistake looked like: where it happened, what was wanted, what came instead, and the cure where it is certain. */
export interface ErrorDetails {
  /** The operation, verb or function that refused. */
  readonly op?: string;
  /** Layer, field, file, line: whatever tells a person where to look. */
  readonly where?: string;
  readonly layer?: string;
  readonly want?: string;
  readonly got?: unknown;
  readonly hint?: string;
  readonly cause?: unknown;
}

function line(label: string, text: string | undefined): string {
  return text === undefined ? "" : `\n  ${label.padEnd(6)} ${text}`;
}

/** The root of every error that lowbit throws on purpose. `code` is stable; `message` is for people. */
export class LowbitError extends Error {
  readonly code: string;
  readonly op: string | undefined;
  readonly layer: string | undefined;
  readonly where: string | undefined;
  readonly want: string | undefined;
  readonly got: unknown;
  readonly hint: string | undefined;

  constructor(name: string, code: string, headline: string, details: ErrorDetails = {}) {
    const where = details.where ?? (details.layer ? `layer "${details.layer}"` : undefined);
    super(
      headline + line("where", where) + line("want", details.want) + line("try", details.hint),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = name;
    this.code = code;
    this.op = details.op;
    this.layer = details.layer;
    this.where = where;
    this.want = details.want;
    this.got = details.got;
    this.hint = details.hint;
  }
}

function describe(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : describeElement(value);
}

/** Never throws: an object out of a file has no prototype, and so no text of its own. */
function describeElement(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(describeElement).join(", ")}]`;
  const isBare = value !== null && typeof value === "object" && typeof value.toString !== "function";
  return isBare ? "an object" : String(value);
}

function describeGot(got: unknown): string {
  if (got !== null && typeof got === "object" && !Array.isArray(got)) {
    return Object.entries(got)
      .map(([name, value]) => `${name} ${describe(value)}`)
      .join(" and ");
  }
  return describe(got);
}

/** Shapes, ranks or sizes that an operation can't take. `got` maps each operand's name to its shape. */
export class ShapeError extends LowbitError {
  constructor(details: ErrorDetails & { op: string; got: unknown }) {
    super("ShapeError", "LOWBIT_SHAPE", `${details.op} can't take ${describeGot(details.got)}`, details);
  }
}

/** A dtype that an operation can't take. */
export class DtypeError extends LowbitError {
  constructor(details: ErrorDetails & { op: string; got: unknown }) {
    super("DtypeError", "LOWBIT_DTYPE", `${details.op} can't take ${describeGot(details.got)}`, details);
  }
}

/** An argument or option with a value that makes no sense: axis out of range, zero stride, negative bits. */
export class ArgumentError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("ArgumentError", "LOWBIT_ARGUMENT", headline, details);
  }
}

/** The graph or a trace is used in a way that it forbids: a second assignment, a gradient that does not exist. */
export class GraphError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("GraphError", "LOWBIT_GRAPH", headline, details);
  }
}

/** NaN or Inf where a step would have stored it; the step was not applied. */
export class NonFiniteError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("NonFiniteError", "LOWBIT_NON_FINITE", headline, details);
  }
}

/** A plan or a file that would need more memory than allowed; nothing was allocated. */
export class MemoryLimitError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("MemoryLimitError", "LOWBIT_MEMORY", headline, details);
  }
}

/** An integer sum that could overflow its accumulator. */
export class AccumulatorError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("AccumulatorError", "LOWBIT_ACCUMULATOR", headline, details);
  }
}

/** A file that is truncated, corrupt or lying. Exit code 65. */
export class FileFormatError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("FileFormatError", "LOWBIT_FILE_FORMAT", headline, details);
  }
}

/** The disk, or the permission to use it, said no. Exit code 74. */
export class StorageError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("StorageError", "LOWBIT_STORAGE", headline, details);
  }
}

/** A backend that was asked for by name and does not work here. Exit code 69. */
export class BackendError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("BackendError", "LOWBIT_BACKEND", headline, details);
  }
}

/** A configuration that some layer, quantizer or backend can't honour. Exit code 78. */
export class ConfigurationError extends LowbitError {
  constructor(headline: string, details: ErrorDetails = {}) {
    super("ConfigurationError", "LOWBIT_CONFIGURATION", headline, details);
  }
}
