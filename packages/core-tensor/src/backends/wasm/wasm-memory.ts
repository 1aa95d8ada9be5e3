import { MemoryLimitError } from "../../graph/errors.js";
import { roundUp } from "./instruction.js";

const PAGE = 65536;
const MAX_PAGES = 65536;
const ALIGNMENT = 64;
/** Offset 0 stays free, so that a forgotten pointer never meets data. */
const FIRST_OFFSET = 1024;
/** Kernels read whole vectors and may look a little past the last value. */
const SLACK = 256;

/** Free stretches of one WebAssembly.Memory, which grows on demand. Views don't outlive a use: growing detaches them. */
export class WasmMemory {
  readonly memory: WebAssembly.Memory;
  private readonly holes: { offset: number; bytes: number }[] = [];
  private all: Uint8Array;

  constructor(
    readonly isShared: boolean,
    private readonly maxBytes: number,
  ) {
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared: isShared });
    this.all = new Uint8Array(this.memory.buffer);
    this.holes.push({ offset: FIRST_OFFSET, bytes: this.byteLength - SLACK - FIRST_OFFSET });
  }

  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  /** Offset of `bytes` free bytes, a multiple of 64. Their content is whatever was there before. */
  allocate(bytes: number): number {
    const size = sizeOf(bytes);
    let hole = this.smallestHole(size);
    if (!hole) {
      this.grow(size);
      hole = this.smallestHole(size) as { offset: number; bytes: number };
    }
    const { offset } = hole;
    hole.offset += size;
    hole.bytes -= size;
    if (hole.bytes === 0) this.holes.splice(this.holes.indexOf(hole), 1);
    return offset;
  }

  free(offset: number, bytes: number): void {
    const size = sizeOf(bytes);
    const next = this.holes.findIndex((hole) => hole.offset > offset);
    const index = next < 0 ? this.holes.length : next;
    this.holes.splice(index, 0, { offset, bytes: size });
    this.join(index);
    if (index > 0) this.join(index - 1);
  }

  /** All of it, as it is now. */
  get whole(): Uint8Array {
    if (this.all.buffer !== this.memory.buffer) this.all = new Uint8Array(this.memory.buffer);
    return this.all;
  }

  words(offset: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, offset, count);
  }

  private smallestHole(size: number) {
    let best: { offset: number; bytes: number } | undefined;
    for (const hole of this.holes) {
      if (hole.bytes >= size && (best === undefined || hole.bytes < best.bytes)) best = hole;
    }
    return best;
  }

  /** Makes one hole out of this one and the next where they touch. */
  private join(index: number): void {
    const [hole, next] = [this.holes[index], this.holes[index + 1]];
    if (!next || hole.offset + hole.bytes !== next.offset) return;
    hole.bytes += next.bytes;
    this.holes.splice(index + 1, 1);
  }

  private grow(size: number): void {
    const held = this.byteLength;
    const limit = Math.min(this.maxBytes, MAX_PAGES * PAGE);
    const last = this.holes.at(-1);
    const atEnd = last && last.offset + last.bytes === held - SLACK ? last.bytes : 0;
    const needed = held + size - atEnd;
    const comfortable = Math.min(limit, Math.max(needed, held * 1.25)); // few growths: each makes every view anew
    const wanted = roundUp(needed > limit ? needed : comfortable, PAGE);
    const refuse = (cause?: unknown) =>
      new MemoryLimitError(`wasm can't hold ${size} bytes more`, {
        want: `at most ${limit} bytes in all`,
        got: needed,
        hint: "a smaller batch",
        cause,
      });
    if (wanted > roundUp(limit, PAGE)) throw refuse();
    try {
      this.memory.grow((wanted - held) / PAGE);
    } catch (cause) {
      throw refuse(cause);
    }
    this.free(held - SLACK, wanted - held);
  }
}

const sizeOf = (bytes: number): number => roundUp(Math.max(bytes, 1), ALIGNMENT);
