import { type SingleBar as Bar, SingleBar } from "cli-progress";

/** A bar that grows, on a terminal; nothing elsewhere. */
export interface Progress {
  /** @param text  what stands behind the bar, such as the loss */
  update(done: number, text?: string): void;
  stop(): void;
}

/**
 * Shows how far something has come, on the error stream and only where that is a terminal.
 *
 * @param options.show  false for --no-progress
 */
export function startProgress(label: string, total: number, { show }: { readonly show: boolean }): Progress {
  if (!show || !process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar: Bar = new SingleBar({
    format: `${label} {bar} {value}/{total} {eta_formatted} {text}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    gracefulExit: false, // our own handler of Ctrl-C saves first
    fps: 10,
  });
  bar.start(total, 0, { text: "" });
  return { update: (done, text = "") => bar.update(done, { text }), stop: () => bar.stop() };
}
