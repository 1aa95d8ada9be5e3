import { fetchOrder, type OperandStream } from "./operand-stream.js";

/** What crossed a port to DRAM: first and last cycle, and words. */
export interface PortUse {
  readonly start: number;
  readonly stop: number;
  readonly words: number;
}

/** A buffer that the array reads from. */
export interface ReadBuffer {
  /**
   * Reads the addresses steps[step + direction · e] + units[unit + e] for e from `first` to `last`, asked for in `cycle`.
   *
   * @returns cycles that the array has to wait for them
   */
  readLine(
    steps: Int32Array,
    step: number,
    direction: -1 | 0,
    units: Int32Array,
    unit: number,
    first: number,
    last: number,
    cycle: number,
  ): number;
  finish(): PortUse;
}

const PARTS = 100; // SCALE-Sim moves buffers in hundredths, half of them at a time
const HALF_PARTS = 50;
const FIRST_WORDS_PER_CYCLE = 10; // its bandwidth for what is fetched before the first cycle
const ALWAYS_THERE = 2 ** 31 - 1;

/**
 * Bandwidth as much as needed (`InterfaceBandwidth: CALC`): each half of the buffer is fetched while the half before it is first used.
 * Nothing waits; what comes out is the traffic. After SCALE-Sim v2 and v3, memory/read_buffer_estimate_bw.py.
 */
export class EstimatingReadBuffer implements ReadBuffer {
  /** By address: the hundredth in which it came last. */
  readonly #part: Int32Array;
  readonly #partWords: number;
  readonly #firstRequest: number;
  #current = 0;
  #fill = 0;
  #windowStart = 0;
  #words = 0;
  #start: number | undefined;
  #stop = 0;
  #lastStart = 0;
  #lastEnd = 0;

  /** @param firstRequest  the cycle of the array's first request */
  constructor({ addresses, isPadding }: OperandStream, bufferWords: number, firstRequest: number) {
    this.#part = new Int32Array(addresses).fill(-1);
    if (isPadding !== undefined) {
      for (let address = 0; address < addresses; address++) if (isPadding(address)) this.#part[address] = ALWAYS_THERE;
    }
    this.#partWords = Math.floor(bufferWords / PARTS);
    this.#firstRequest = firstRequest;
  }

  readLine(
    steps: Int32Array,
    step: number,
    direction: -1 | 0,
    units: Int32Array,
    unit: number,
    first: number,
    last: number,
    cycle: number,
  ): number {
    const part = this.#part;
    for (let e = first; e <= last; e++) {
      const address = steps[step + direction * e] + units[unit + e];
      if (part[address] >= this.#windowStart) continue;
      part[address] = this.#current;
      this.#words++;
      if (++this.#fill === this.#partWords) this.#closePart(cycle);
    }
    return 0;
  }

  #closePart(cycle: number): void {
    this.#fill = 0;
    this.#current++;
    if (this.#current < this.#windowStart + HALF_PARTS) return;
    if (this.#start === undefined) {
      this.#lastEnd = this.#firstRequest - 2;
      this.#start = this.#lastEnd - Math.ceil((HALF_PARTS * this.#partWords) / FIRST_WORDS_PER_CYCLE) + 2;
    }
    this.#stop = this.#lastEnd + 1;
    this.#windowStart += HALF_PARTS;
    this.#lastStart = this.#lastEnd + 1;
    this.#lastEnd = cycle;
  }

  finish(): PortUse {
    if (this.#start === undefined) return prefetchedWhole(this.#words, this.#partWords);
    const stop = this.#lastEnd >= this.#lastStart ? this.#lastEnd + 1 : this.#stop;
    return { start: this.#start, stop, words: this.#words };
  }
}

/** An operand of less than half a buffer comes whole before the first cycle. */
function prefetchedWhole(words: number, partWords: number): PortUse {
  const parts = partWords === 0 ? 0 : Math.ceil(words / partWords);
  return { start: -Math.ceil((parts * partWords) / FIRST_WORDS_PER_CYCLE), stop: -1, words };
}

/** The use of a port whose operand fits, without a replay; undefined where it doesn't. */
export function estimateWhole(distinctWords: number, bufferWords: number): PortUse | undefined {
  const partWords = Math.floor(bufferWords / PARTS);
  return distinctWords < HALF_PARTS * partWords || partWords === 0
    ? prefetchedWhole(distinctWords, partWords)
    : undefined;
}

/** How the user's bandwidth divides a buffer. */
function fetchPlan(bufferWords: number, wordsPerCycle: number) {
  const activeWords = Math.ceil(bufferWords / 2);
  const prefetchWords = bufferWords - activeWords;
  const partWords = Math.ceil(bufferWords / PARTS);
  return {
    partWords,
    activeParts: Math.ceil(activeWords / partWords),
    prefetchParts: Math.ceil(prefetchWords / partWords),
    activeCycles: Math.ceil(activeWords / wordsPerCycle),
    prefetchCycles: Math.ceil(prefetchWords / wordsPerCycle),
  };
}

/**
 * Before the first cycle half a buffer comes, or what the operand has where that is more than one cycle's words of it.
 *
 * @param matrixWords  with the places of unused units
 */
function firstFetch(matrixWords: number, bufferWords: number, wordsPerCycle: number): PortUse {
  const { activeCycles } = fetchPlan(bufferWords, wordsPerCycle);
  const cycles = Math.min(activeCycles, Math.ceil(matrixWords / wordsPerCycle));
  return { start: -cycles, stop: -1, words: cycles * wordsPerCycle };
}

/** Places in the matrix that is fetched: values, and those of units that the last fold leaves unused. */
export const matrixWordsOf = ({ steps, units, width }: OperandStream): number =>
  steps.length * Math.ceil(units.length / width) * width;

/** The use of a port whose operand fits half its buffer, without a replay; undefined where it doesn't. */
export function fetchWhole(stream: OperandStream, bufferWords: number, wordsPerCycle: number): PortUse | undefined {
  const { partWords, activeParts } = fetchPlan(bufferWords, wordsPerCycle);
  const mostParts = Math.floor((stream.steps.length * stream.units.length) / partWords) + 1;
  return mostParts <= activeParts ? firstFetch(matrixWordsOf(stream), bufferWords, wordsPerCycle) : undefined;
}

/**
 * Bandwidth the user's (`InterfaceBandwidth: USER`): values come in a fixed order, and round again from the start. The array reads from
 * the active half; a value that is not there makes the other half active and fetches the next, and the array waits for it: twice as
 * long as it should, as its reference results have it (its issue #130). After SCALE-Sim v2 and v3, memory/read_buffer.py.
 */
export class FetchingReadBuffer implements ReadBuffer {
  /** The hundredths in which values come: partOf[address], or those from from[address] to before from[address + 1] in it. */
  readonly #partOf: Int32Array;
  readonly #from: Int32Array | undefined;
  readonly #parts: number;
  readonly #activeParts: number;
  readonly #prefetchParts: number;
  readonly #prefetchCycles: number;
  readonly #wordsPerCycle: number;
  #windowStart = 0;
  #lastArrival = -1;
  #words: number;
  readonly #start: number;

  constructor(stream: OperandStream, bufferWords: number, wordsPerCycle: number) {
    const plan = fetchPlan(bufferWords, wordsPerCycle);
    const order = fetchOrder(stream);
    this.#from = stream.comesOnce ? undefined : countBefore(order, stream.addresses);
    this.#partOf = partsByAddress(order, stream.addresses, plan.partWords, this.#from);
    this.#parts = Math.floor(order.length / plan.partWords) + 1;
    this.#activeParts = Math.min(plan.activeParts, this.#parts);
    this.#prefetchParts = Math.min(plan.prefetchParts, this.#parts - this.#activeParts);
    this.#prefetchCycles = plan.prefetchCycles;
    this.#wordsPerCycle = wordsPerCycle;
    const first = firstFetch(matrixWordsOf(stream), bufferWords, wordsPerCycle);
    this.#words = first.words;
    this.#start = first.start;
  }

  readLine(
    steps: Int32Array,
    step: number,
    direction: -1 | 0,
    units: Int32Array,
    unit: number,
    first: number,
    last: number,
    cycle: number,
  ): number {
    const [partOf, from, parts, activeParts] = [this.#partOf, this.#from, this.#parts, this.#activeParts];
    let stall = 0;
    for (let e = first; e <= last; e++) {
      const address = steps[step + direction * e] + units[unit + e];
      let ahead: number;
      if (from === undefined) {
        ahead = partOf[address] - this.#windowStart;
        if (ahead < 0) ahead += parts;
      } else ahead = this.#partsAhead(address, from);
      if (ahead >= activeParts) stall = this.#fetch(ahead, cycle, stall);
    }
    return stall;
  }

  /** How far ahead of the active half's start a value comes next; 0 for padding, which is never asked for. */
  #partsAhead(address: number, from: Int32Array): number {
    const end = from[address + 1];
    let nearest = from[address] === end ? 0 : this.#parts;
    for (let index = from[address]; index < end; index++) {
      let ahead = this.#partOf[index] - this.#windowStart;
      if (ahead < 0) ahead += this.#parts;
      if (ahead < nearest) nearest = ahead;
    }
    return nearest;
  }

  /** Changes halves until a part is in the active one. */
  #fetch(ahead: number, cycle: number, waiting: number): number {
    const turns = Math.ceil((ahead - this.#activeParts + 1) / this.#prefetchParts);
    this.#windowStart = (this.#windowStart + turns * this.#prefetchParts) % this.#parts;
    this.#words += turns * this.#prefetchCycles * this.#wordsPerCycle;
    let stall = waiting;
    for (let turn = 0; turn < turns; turn++) {
      this.#lastArrival += this.#prefetchCycles + 1;
      const wait = this.#lastArrival - (cycle + 1 + stall); // a value that is there takes one cycle
      stall += wait > 0 ? 2 * wait : wait; // SCALE-Sim adds it before it asks whether there is any, and again then
    }
    return stall;
  }

  finish(): PortUse {
    return { start: this.#start, stop: this.#lastArrival, words: this.#words };
  }
}

/** How many values of `order` have a lower address than each, and how many there are. */
function countBefore(order: Int32Array, addresses: number): Int32Array {
  const from = new Int32Array(addresses + 1);
  for (let place = 0; place < order.length; place++) from[order[place] + 1]++;
  for (let address = 0; address < addresses; address++) from[address + 1] += from[address];
  return from;
}

function partsByAddress(
  order: Int32Array,
  addresses: number,
  partWords: number,
  from: Int32Array | undefined,
): Int32Array {
  const partOf = new Int32Array(from === undefined ? addresses : order.length);
  const next = from?.slice();
  for (let place = 0, part = 0, left = partWords; place < order.length; place++) {
    partOf[next === undefined ? order[place] : next[order[place]]++] = part;
    if (--left === 0) [part, left] = [part + 1, partWords];
  }
  return partOf;
}
