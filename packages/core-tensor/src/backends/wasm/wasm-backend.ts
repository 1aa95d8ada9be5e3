import type { OpDeclaration } from "../../graph/define-op.js";
import { bytesOf, type Dtype } from "../../graph/dtype.js";
import { ArgumentError, BackendError } from "../../graph/errors.js";
import type { Backend, LoadedProgram } from "../../plan/backend.js";
import type { Program } from "../../plan/program.js";
import { yieldToEventLoop } from "../../plan/yield-to-event-loop.js";
import { scratchOf, type UnplacedCall } from "./instruction.js";
import { chooseKernel, type KernelOptions } from "./kernel-table.js";
import { conv2dCodesKernel } from "./kernels/conv2d-codes.js";
import { isFusible } from "./kernels/fused-elementwise.js";
import { type Build, compileKernels, instantiateKernels, type KernelExports, whyNotRelaxed } from "./load-kernels.js";
import { probeDots } from "./probe-dots.js";
import { ThreadPool } from "./thread-pool.js";
import { WasmMemory } from "./wasm-memory.js";
import { type Held, type Host, type Segment, WasmProgram } from "./wasm-program.js";

export interface WasmBackendOptions {
  /** Threads that compute; as many as the machine has, at most 8, where absent. 1 wherever memory can't be shared. */
  readonly threads?: number;
  /** "portable" (the default) gives the same bits on every engine; "relaxed" fuses a · b + c; "fastest" is relaxed where it works. */
  readonly build?: Build | "fastest";
  /** Memory for values; packed filters and the threads' own scratch may add a quarter of it and 64 MiB. 4 GiB in all where absent. */
  readonly maxBytes?: number;
  /**
   * Winograd's F(2 × 2, 3 × 3) for conv2d with 3 × 3 taps and stride 1, in programs that assign nothing; never for gradients or codes.
   * About 1.5 times as fast. An output is off by at most 81 · (C + 10) · 2⁻²⁴ · Σ_c max|w[m, c]| · max|x[c]|, C channels a group, x over
   * the 4 × 4 tile (the plain sum: 9 · C · 2⁻²⁴ · Σ |w| · |x|). Off where absent.
   */
  readonly winograd?: boolean;
  /** Relaxed dot products of four bytes even where the processor has no single instruction for them: slower there, for tests. */
  readonly byteDots?: boolean;
}

/** Longest time that the event loop waits for a run on the calling thread. */
const LONGEST_BLOCK_MS = 40;
const MOST_THREADS = 8;

/** Shared memory: always in Node, in browsers only on cross-origin isolated pages. */
const canShare = (): boolean =>
  typeof SharedArrayBuffer !== "undefined" &&
  (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;

async function processors(): Promise<number> {
  if (typeof navigator !== "undefined" && navigator.hardwareConcurrency) return navigator.hardwareConcurrency;
  if (typeof process === "undefined") return 1;
  const name = "node:os"; // not written into the import, so that bundlers for browsers do not look for it
  const { availableParallelism } = (await import(
    /* @vite-ignore */ /* webpackIgnore: true */ name
  )) as typeof import("node:os");
  return availableParallelism();
}

async function resolveThreads(wanted: number | undefined): Promise<number> {
  if (wanted !== undefined && (!Number.isInteger(wanted) || wanted < 1 || wanted > 256)) {
    throw new ArgumentError(`the wasm backend can't run on ${wanted} threads`, {
      want: "a whole number from 1 to 256",
      got: wanted,
    });
  }
  if (!canShare()) return 1;
  return wanted ?? Math.min(await processors(), MOST_THREADS);
}

async function resolveBuild(wanted: WasmBackendOptions["build"]): Promise<Build> {
  if (wanted === undefined || wanted === "portable") return "portable";
  const reason = await whyNotRelaxed();
  if (reason === undefined) return "relaxed";
  if (wanted === "fastest") return "portable";
  throw new BackendError(`the relaxed build does not work here: ${reason}`, {
    hint: 'build: "portable" works everywhere',
  });
}

/** The WebAssembly backend: SIMD kernels over one memory, on one thread or several. */
export async function createWasmBackend(options: WasmBackendOptions = {}): Promise<Backend> {
  const threads = await resolveThreads(options.threads);
  const build = await resolveBuild(options.build);
  const module = await compileKernels(build, threads > 1);
  const memory = new WasmMemory(
    threads > 1,
    options.maxBytes === undefined ? 2 ** 32 : options.maxBytes * 1.25 + 2 ** 26,
  );
  const kernels = instantiateKernels(module, memory.memory);
  const backend = new WasmBackend(build, threads, memory, kernels, {
    winograd: options.winograd ?? false,
    codesKernel: conv2dCodesKernel({ dots: probeDots(build, kernels, options.byteDots), threads }),
  });
  if (threads > 1) backend.pool = await ThreadPool.start(threads, module, memory.memory, () => backend.callOff());
  return backend;
}

class WasmBackend implements Backend, Host {
  readonly name = "wasm";
  pool: ThreadPool | undefined;
  /** Where a run on the calling thread goes on: two words. */
  private readonly state: number;
  private scratch = 0;
  private scratchBytes = 0;
  private running: (Segment & { kind: "kernels" }) | undefined;
  private lastYield = performance.now();
  /** Gives back what a program held for itself, some time after nobody can run it any more. */
  private readonly abandoned = new FinalizationRegistry<readonly Held[]>((held) => {
    for (const { offset, bytes } of held) this.memory.free(offset, bytes);
  });

  constructor(
    readonly build: Build,
    readonly threads: number,
    readonly memory: WasmMemory,
    readonly kernels: KernelExports,
    readonly options: KernelOptions,
  ) {
    this.state = memory.allocate(8);
  }

  bytesOf(dtype: Dtype, elements: number): number {
    return bytesOf(dtype, elements);
  }

  fuses(op: OpDeclaration): boolean {
    return isFusible(op);
  }

  workspaceBytes(call: UnplacedCall): number {
    // Whether the program assigns is not known yet: room for either kernel.
    const kernels = [{ ...this.options, winograd: false }, this.options].map((each) => chooseKernel(call, each).kernel);
    return Math.max(...kernels.map((kernel) => (kernel ? scratchOf(kernel, call).bytes : 0)));
  }

  allocate(bytes: number): number {
    return this.memory.allocate(bytes);
  }

  free(offset: number, bytes: number): void {
    this.memory.free(offset, bytes);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.memory.whole.set(bytes, offset);
  }

  read(offset: number, bytes: number, into: Uint8Array = new Uint8Array(bytes)): Uint8Array {
    into.set(this.memory.whole.subarray(offset, offset + bytes));
    return into;
  }

  load(program: Program, scratchOffset: number): LoadedProgram {
    const loaded = new WasmProgram(this, program, scratchOffset);
    this.abandoned.register(loaded, loaded.held);
    return loaded;
  }

  memoryBytes(): number {
    return this.memory.byteLength;
  }

  async close(): Promise<void> {
    await this.pool?.close();
  }

  reserveThreadScratch(bytes: number): void {
    const stride = Math.ceil(bytes / 64) * 64;
    if (stride <= this.scratchBytes) return;
    if (this.scratchBytes > 0) this.memory.free(this.scratch, this.scratchBytes * this.threads);
    this.scratch = this.memory.allocate(stride * this.threads);
    this.scratchBytes = stride;
  }

  async runKernels(segment: Segment & { kind: "kernels" }): Promise<void> {
    if (!this.pool) return this.runAlone(segment);
    const { program, sync, syncBytes } = segment;
    this.memory.whole.fill(0, sync, sync + syncBytes);
    this.running = segment;
    await this.pool.tellAll((thread) => ({
      kind: "run",
      program,
      sync,
      threads: this.threads,
      scratch: this.scratch + thread * this.scratchBytes,
      memoryBytes: this.memory.byteLength,
    }));
    this.running = undefined;
    this.lastYield = performance.now(); // the loop was free while the threads computed
  }

  async breathe(): Promise<void> {
    if (performance.now() - this.lastYield < LONGEST_BLOCK_MS) return;
    await yieldToEventLoop();
    this.lastYield = performance.now();
  }

  /** Tells threads that wait for a dead one to give up. */
  callOff(): void {
    if (!this.running) return;
    Atomics.store(this.memory.words(this.running.sync, 1), 0, 1);
  }

  private async runAlone({ program }: Segment & { kind: "kernels" }): Promise<void> {
    this.memory.whole.fill(0, this.state, this.state + 8);
    while (!this.kernels.runAlone(program, this.state, this.scratch, this.lastYield + LONGEST_BLOCK_MS)) {
      await yieldToEventLoop();
      this.lastYield = performance.now();
    }
  }
}
