/** What the exit codes of `lowbit` mean; the numbers are those of sysexits.h where it has one. */
export const EXIT = {
  done: 0,
  /** A bug of ours, or training that met NaN: nothing that another command line would cure for certain. */
  failed: 1,
  usage: 2,
  badFile: 65,
  backendMissing: 69,
  disk: 74,
  configuration: 78,
  interrupted: 130,
} as const;

/** By the stable code of a LowbitError. */
const EXIT_BY_ERROR: ReadonlyMap<string, number> = new Map([
  ["LOWBIT_ARGUMENT", EXIT.usage],
  ["LOWBIT_FILE_FORMAT", EXIT.badFile],
  ["LOWBIT_BACKEND", EXIT.backendMissing],
  ["LOWBIT_STORAGE", EXIT.disk],
  ["LOWBIT_CONFIGURATION", EXIT.configuration],
  ["LOWBIT_SHAPE", EXIT.configuration],
  ["LOWBIT_DTYPE", EXIT.configuration],
  ["LOWBIT_MEMORY", EXIT.configuration],
  ["LOWBIT_ACCUMULATOR", EXIT.configuration],
]);

/** The exit code for what a verb threw. */
export function exitCodeOf(error: unknown): number {
  const code = (error as { code?: unknown } | null)?.code;
  return (typeof code === "string" ? EXIT_BY_ERROR.get(code) : undefined) ?? EXIT.failed;
}
