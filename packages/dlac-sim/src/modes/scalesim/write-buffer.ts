import type { PortUse } from "./read-buffers.js";

/**
 * Collects outputs in lines as wide as the port; each time half the buffer is full that half drains, a line a cycle. The array waits
 * where all of it is full meanwhile. After SCALE-Sim v3, memory/write_buffer.py.
 */
export class WriteBuffer {
  readonly #bufferWords: number;
  readonly #halfWords: number;
  readonly #lineWords: number;
  /** Words in lines that were closed before they were full. */
  readonly #partial = new Map<number, number>();
  #free: number;
  #lines = 0;
  #lineFill = 0;
  #drainedLines = 0;
  #drainEnd = 0;
  #start = Number.POSITIVE_INFINITY;
  #stop = Number.NEGATIVE_INFINITY;
  #words = 0;

  constructor(bufferWords: number, lineWords: number) {
    this.#bufferWords = bufferWords;
    this.#halfWords = bufferWords - Math.ceil(bufferWords / 2);
    this.#lineWords = lineWords;
    this.#free = bufferWords;
  }

  /** @returns cycles that the array has to wait */
  write(words: number, cycle: number): number {
    const drainBelow = this.#bufferWords - this.#halfWords;
    let now = cycle;
    for (let left = words; left > 0; ) {
      const isDraining = now < this.#drainEnd;
      const quiet = Math.max(0, isDraining ? this.#free - 1 : this.#free - drainBelow); // words of which nothing comes
      if (left <= quiet) {
        this.#store(left);
        break;
      }
      this.#store(quiet + 1);
      left -= quiet + 1;
      if (isDraining) now = this.#drainEnd;
      else this.#drainEnd = this.#drain(now);
    }
    return now - cycle;
  }

  #store(words: number): void {
    this.#free -= words;
    this.#lineFill += words;
    this.#lines += Math.floor(this.#lineFill / this.#lineWords);
    this.#lineFill %= this.#lineWords;
  }

  #closeLine(): void {
    if (this.#lineFill === 0) return;
    this.#partial.set(this.#lines, this.#lineFill);
    this.#lines++;
    this.#lineFill = 0;
  }

  /** Half a buffer's lines, or those that there are. SCALE-Sim counts partial lines as whole ones, but for the last. */
  #drain(cycle: number): number {
    this.#closeLine();
    const lines = Math.min(Math.max(1, Math.ceil(this.#halfWords / this.#lineWords)), this.#lines - this.#drainedLines);
    const last = this.#partial.get(this.#drainedLines + lines - 1) ?? this.#lineWords;
    const words = (lines - 1) * this.#lineWords + last;
    this.#drainedLines += lines;
    this.#free += words;
    this.#words += words;
    const end = cycle + lines - 1;
    this.#start = Math.min(this.#start, cycle);
    this.#stop = Math.max(this.#stop, end);
    return end;
  }

  /** Drains the rest from the cycle of the last write on. */
  finish(cycle: number): PortUse {
    this.#closeLine();
    for (let now = cycle; this.#drainedLines < this.#lines; ) now = this.#drain(now) + 1;
    return { start: this.#start, stop: this.#stop, words: this.#words };
  }
}
