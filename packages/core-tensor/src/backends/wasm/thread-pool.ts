import { BackendError } from "../../graph/errors.js";
import type { ThreadAnswer, ThreadMessage } from "./serve-runs.js";
import { startThread, type Thread } from "./start-thread.js";

/** What one run waits for: an answer of every thread. */
interface Pending {
  missing: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Threads that run programs together over one memory. The calling thread only sends and awaits, so its event loop stays
 * alive. Idle threads sleep and keep no process alive. Once a thread has died, every run is refused.
 */
export class ThreadPool {
  private threads: Thread[] = [];
  private pending: Pending | undefined;
  private failure: BackendError | undefined;
  private isClosed = false;

  private constructor(private readonly callOff: () => void) {}

  /** @param callOff  sets the flag in memory that makes waiting threads give up the current run */
  static async start(
    threads: number,
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    callOff: () => void,
  ): Promise<ThreadPool> {
    const pool = new ThreadPool(callOff);
    const events = {
      onAnswer: (answer: ThreadAnswer) => pool.take(answer),
      onDeath: (reason: string) => pool.fail(reason),
    };
    pool.threads = await Promise.all(Array.from({ length: threads }, () => startThread(events)));
    await pool.tellAll(() => ({ kind: "start", module, memory }));
    return pool;
  }

  /** Sends a message to every thread and resolves when all have answered. */
  tellAll(messageFor: (thread: number) => ThreadMessage): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    if (this.pending) throw new Error("two runs at once"); // a bug of ours: the engine queues them
    return new Promise((resolve, reject) => {
      this.pending = { missing: this.threads.length, resolve, reject };
      this.threads.forEach((thread, index) => {
        thread.hold();
        thread.send(messageFor(index));
      });
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.callOff();
    await Promise.all(this.threads.map((thread) => thread.end()));
    this.settle(new BackendError("the wasm backend was closed during a run"));
  }

  private take(answer: ThreadAnswer): void {
    if (answer.kind === "failed") this.fail(answer.reason);
    else if (this.pending && --this.pending.missing === 0) this.settle();
  }

  private fail(reason: string): void {
    if (this.isClosed || this.failure) return;
    this.failure = new BackendError(`a thread of the wasm backend died: ${reason}`, {
      hint: "make a new engine; its variables start from the last checkpoint",
    });
    this.callOff();
    this.settle(this.failure);
  }

  private settle(error?: BackendError): void {
    const { pending } = this;
    this.pending = undefined;
    for (const thread of this.threads) thread.release();
    if (error) pending?.reject(error);
    else pending?.resolve();
  }
}
