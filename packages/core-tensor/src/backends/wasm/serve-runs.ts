import type { KernelExports } from "./load-kernels.js";

export interface StartMessage {
  readonly kind: "start";
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

export interface RunMessage {
  readonly kind: "run";
  readonly program: number;
  readonly sync: number;
  readonly threads: number;
  readonly scratch: number;
}

export type ThreadMessage = StartMessage | RunMessage;

/** What a thread answers: it is ready, its part of a run is done (or was called off), or it failed. */
export type ThreadAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: string };

export interface ThreadPort {
  send(answer: ThreadAnswer): void;
  listen(handle: (message: ThreadMessage) => void): void;
}

/**
 * What a thread of the pool does: start the kernels over the shared memory, then run what it is told to. Between messages
 * it sleeps in its event loop. Self-contained, because in Node its text is what the worker is started with.
 */
export function serveRuns(port: ThreadPort): void {
  let kernels: KernelExports | undefined;
  port.listen((message) => {
    try {
      if (message.kind === "start") {
        const { memory } = message;
        const wait = (pointer: number, seen: number) =>
          Atomics.wait(new Int32Array(memory.buffer), pointer >>> 2, seen, 20);
        const imports = { env: { memory, now: () => performance.now(), wait } };
        kernels = new WebAssembly.Instance(message.module, imports).exports as unknown as KernelExports;
        port.send({ kind: "ready" });
      } else {
        kernels?.runTogether(message.program, message.sync, message.threads, message.scratch);
        port.send({ kind: "done" });
      }
    } catch (error) {
      port.send({ kind: "failed", reason: String(error) });
    }
  });
}
