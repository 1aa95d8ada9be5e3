import { multiplyAddModule, operationsOfTurn } from "./multiply-add-module.js";
import { summarise } from "./summary.js";

/** What one thread of this machine can do at best inside WebAssembly, measured beside the rows. */
export interface Ceiling {
  /** Gop/s of 128-bit multiplies and adds, what the portable build can reach. */
  readonly multiplyThenAdd: number;
  /** Gop/s of 128-bit fused multiply-adds, what the relaxed build can reach; null where the engine has none. */
  readonly fusedMultiplyAdd: number | null;
  /** GB/s read plus written by copying one typed array into another, both far larger than the caches. */
  readonly copyBandwidth: number;
}

const CHAINS = [8, 10, 12]; // more than 13 do not fit the 16 registers of x64
const SAMPLE_MS = 3;
const COPY_BYTES = 2 ** 26;

interface Loop {
  readonly peak: (turns: number) => number;
  readonly operations: number;
  turns: number;
}

function makeLoop(chains: number, fused: boolean): Loop {
  const module = new WebAssembly.Module(multiplyAddModule({ chains, fused }) as BufferSource);
  const { peak } = new WebAssembly.Instance(module).exports as { peak: (turns: number) => number };
  const loop = { peak, operations: operationsOfTurn(chains), turns: 1000 };
  for (let i = 0; i < 100; i++) peak(1000); // the optimising compiler has its turn
  while (secondsOf(() => peak(loop.turns)) < SAMPLE_MS / 1000) loop.turns *= 2;
  return loop;
}

function secondsOf(work: () => void): number {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}

/** Relaxed SIMD is off in Node 20, and computes wrongly behind its flag there. */
function fusedLoops(): Loop[] {
  if (Number.parseInt(process.versions.node, 10) < 22) return [];
  try {
    return CHAINS.map((chains) => makeLoop(chains, true));
  } catch {
    return [];
  }
}

/** Takes samples of the ceiling between the samples of what is measured, so that both meet the same machine. */
export class CeilingMeter {
  private readonly separate = CHAINS.map((chains) => makeLoop(chains, false));
  private readonly fused = fusedLoops();
  private readonly source = new Uint8Array(COPY_BYTES).fill(1);
  private readonly target = new Uint8Array(COPY_BYTES).fill(2);
  private readonly samples = { separate: [] as number[], fused: [] as number[], copy: [] as number[] };

  /** Gop/s now: of the fused loop where `fused` is asked for and there is one. */
  sample({ fused }: { readonly fused: boolean }): number {
    const separate = bestRate(this.separate);
    this.samples.separate.push(separate);
    if (this.fused.length === 0) return separate;
    const together = bestRate(this.fused);
    this.samples.fused.push(together);
    return fused ? together : separate;
  }

  sampleCopy(): void {
    const seconds = secondsOf(() => this.target.set(this.source));
    this.samples.copy.push((2 * COPY_BYTES) / seconds / 1e9);
  }

  /** Medians over all samples so far. */
  ceiling(): Ceiling {
    const { separate, fused, copy } = this.samples;
    return {
      multiplyThenAdd: summarise(separate).median,
      fusedMultiplyAdd: fused.length > 0 ? summarise(fused).median : null,
      copyBandwidth: summarise(copy).median,
    };
  }
}

function bestRate(loops: readonly Loop[]): number {
  return Math.max(
    ...loops.map(({ peak, operations, turns }) => (turns * operations) / secondsOf(() => peak(turns)) / 1e9),
  );
}
