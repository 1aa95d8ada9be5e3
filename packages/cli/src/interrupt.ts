import { EXIT } from "./exit-codes.js";

/** Ctrl-C (or SIGTERM) was heard and obeyed; what there was to say has been printed. */
export class Interrupted extends Error {
  readonly exitCode = EXIT.interrupted;
}

export interface InterruptWatch {
  /** Aborted by the first Ctrl-C: finish what can't be left half done, and stop. The second ends the process at once. */
  readonly signal: AbortSignal;
  release(): void;
}

/**
 * Listens for Ctrl-C while something runs that has to save before it stops.
 *
 * @param options.onFirst  called at the first one, to say what happens now
 */
export function watchInterrupt({ onFirst }: { readonly onFirst: () => void }): InterruptWatch {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    onFirst();
    controller.abort(new Interrupted("interrupted"));
  };
  process.on("SIGINT", listener).on("SIGTERM", listener);
  return { signal: controller.signal, release: () => process.off("SIGINT", listener).off("SIGTERM", listener) };
}
