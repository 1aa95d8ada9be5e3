import { yieldToEventLoop } from "@lowbit/core-tensor";

/** Gives signals, timers and progress their turn, at most every `everyMs` and at least once a call after that. */
export function eventLoopTurns(everyMs: number): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < everyMs) return;
    await yieldToEventLoop();
    last = performance.now();
  };
}
