import type { Backend, Call, LoadedProgram, Program } from "@lowbit/core-tensor";

/** Milliseconds that one call of a program has taken so far. */
export interface TimedCall {
  readonly call: Call;
  readonly kernel: string;
  milliseconds: number;
}

/** A program cut into its calls, each loaded on its own, so that each can be timed. */
class TimedProgram implements LoadedProgram {
  readonly choices: LoadedProgram["choices"];
  private readonly whole: LoadedProgram;
  private readonly pieces: { readonly loaded: LoadedProgram; readonly timed: TimedCall }[];
  private readonly once: readonly LoadedProgram[];
  private hasRunOnce = false;

  constructor(inner: Backend, program: Program, scratchOffset: number, timed: TimedCall[]) {
    const loadCalls = (calls: readonly Call[]) => inner.load({ ...program, calls }, scratchOffset);
    this.whole = loadCalls(program.calls);
    this.choices = this.whole.choices;
    this.once = program.calls.filter(({ once }) => once).map((call) => loadCalls([call]));
    this.pieces = program.calls
      .map((call, i) => ({ call, kernel: this.choices[i].kernel, milliseconds: 0 }))
      .filter(({ call }) => !call.once)
      .map((each) => ({ loaded: loadCalls([each.call]), timed: each }));
    timed.push(...this.pieces.map((piece) => piece.timed));
  }

  async run(): Promise<void> {
    if (!this.hasRunOnce) for (const loaded of this.once) await loaded.run();
    this.hasRunOnce = true;
    for (const { loaded, timed } of this.pieces) {
      const started = performance.now();
      await loaded.run();
      timed.milliseconds += performance.now() - started;
    }
  }

  commit(): Promise<number> {
    return this.whole.commit();
  }

  dispose(): void {
    for (const loaded of [this.whole, ...this.once, ...this.pieces.map((piece) => piece.loaded)]) loaded.dispose();
  }
}

/** A backend that runs another's kernels one call at a time and keeps their times in `timed`. */
export function timingBackend(inner: Backend, timed: TimedCall[]): Backend {
  return {
    ...{ name: inner.name, build: inner.build, threads: inner.threads },
    bytesOf: (dtype, elements) => inner.bytesOf(dtype, elements),
    fuses: (op) => inner.fuses(op),
    workspaceBytes: (call) => inner.workspaceBytes(call),
    allocate: (bytes) => inner.allocate(bytes),
    free: (offset, bytes) => inner.free(offset, bytes),
    write: (offset, bytes) => inner.write(offset, bytes),
    read: (offset, bytes, into) => inner.read(offset, bytes, into),
    load: (program, scratchOffset) => new TimedProgram(inner, program, scratchOffset, timed),
    memoryBytes: () => inner.memoryBytes(),
    close: () => inner.close(),
  };
}
