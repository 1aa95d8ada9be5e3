import { CommanderError } from "@commander-js/extra-typings";
import { EXIT, exitCodeOf } from "./exit-codes.js";
import { Interrupted } from "./interrupt.js";
import { printError } from "./print.js";
import { createProgram } from "./program.js";

/** Runs one command line to its end and resolves to the exit code. Prints everything, throws nothing. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  process.stdout.on("error", (error: { code?: string }) => {
    if (error.code === "EPIPE") process.exit(EXIT.done); // `lowbit list models | head -1`: the reader has seen enough
    throw error;
  });
  const quit = (): void => {
    if (process.listenerCount("SIGINT") === 1) process.exit(EXIT.interrupted); // a verb that has to save listens itself
  };
  process.on("SIGINT", quit);
  try {
    await createProgram().parseAsync(args, { from: "user" });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage; // it has printed already
    if (error instanceof Interrupted) return error.exitCode;
    reportError(error);
    return exitCodeOf(error);
  } finally {
    process.off("SIGINT", quit);
  }
}

function reportError(error: unknown): void {
  const code = (error as { code?: unknown } | null)?.code;
  const isOurs = typeof code === "string" && code.startsWith("LOWBIT_");
  const text = error instanceof Error ? error.message : String(error);
  printError(
    isOurs
      ? text
      : `${text}\n  try    the same with LOWBIT_DEBUG=1 shows where; this is a bug of lowbit's, please report it`,
  );
  if (process.env.LOWBIT_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
