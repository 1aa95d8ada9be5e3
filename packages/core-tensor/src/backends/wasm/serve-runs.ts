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
  /** Bytes of the memory as the sender sees it. */
  readonly memoryBytes: number;
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
  let memory: WebAssembly.Memory | undefined;
  port.listen((message) => {
    try {
      if (message.kind === "start") {
        const shared = message.memory;
        memory = shared;
        const wait = (pointer: number, seen: number) =>
          Atomics.wait(new Int32Array(shared.buffer), pointer >>> 2, seen, 20);
        const imports = { env: { memory, now: () => performance.now(), wait } };
        kernels = new WebAssembly.Instance(message.module, imports).exports as unknown as KernelExports;
        port.send({ kind: "ready" });
      } else {
        // From V8 14.9 on, an agent sees that another one has grown shared memory only when it grows it itself.
        if (memory && memory.buffer.byteLength < message.memoryBytes) memory.grow(0);
        kernels?.runTogether(message.program, message.sync, message.threads, message.scratch);
        port.send({ kind: "done" });
      }
    } catch (error) {
      port.send({ kind: "failed", reason: String(error) });
    }
  });
}
