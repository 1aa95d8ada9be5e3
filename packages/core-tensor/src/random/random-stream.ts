import { ArgumentError } from "../graph/errors.js";
import { type PhiloxCounter, type PhiloxKey, philox, philoxInto } from "./philox.js";
import { portableCosSinOfTurns, portableLog } from "./portable-math.js";

/**
 * A place in a sequence of random numbers: plain data, so that `JSON.stringify` saves it and the parsed text goes on from it.
 * Nothing here has state: a function that draws returns the stream that comes after.
 */
export interface RandomStream {
  /** Whole, 0 … 2⁵³ − 1. */
  readonly seed: number;
  /** What the numbers are for ("init/conv1.weight", "epoch/3"): streams of other names are independent. */
  readonly name: string;
  /** Blocks of four 32-bit words drawn so far. */
  readonly position: number;
}

/**
 * The stream of a seed and a name, at its beginning or at a position.
 *
 * @throws {ArgumentError} when seed or position is not a whole number from 0 to 2⁵³ − 1
 * @example fillNormal(weights, createStream(1, "init/conv1.weight")) // the same numbers on every machine and engine
 */
export function createStream(seed: number, name: string, position = 0): RandomStream {
  checkWhole("seed", seed);
  checkWhole("position", position);
  return { seed, name, position };
}

function checkWhole(what: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new ArgumentError(`${what} ${value} is not a whole number from 0 to 2^53 - 1`, {
    op: "createStream",
    got: value,
  });
}

const highWord = (value: number): number => Math.floor(value / 2 ** 32);
const lowWord = (value: number): number => value >>> 0;

/** The seed is the key; the upper half of the counter says which stream, the lower half which block of it. */
const keyOf = (seed: number): PhiloxKey => [lowWord(seed), highWord(seed)];

function counterOf(position: number, nameHash: readonly [number, number]): PhiloxCounter {
  return [lowWord(position), highWord(position), nameHash[0], nameHash[1]];
}

/** 64 bits of a name: its UTF-8 bytes, 16 at a time, chained through Philox with the length and the place as the key. */
function hashName(name: string): readonly [number, number] {
  const text = new TextEncoder().encode(name);
  const block = new Uint32Array(4);
  for (let at = 0; at < text.length; at += 16) {
    for (let i = at; i < Math.min(at + 16, text.length); i++) block[(i - at) >> 2] ^= text[i] << (8 * (i & 3));
    philoxInto(block, 0, [block[0], block[1], block[2], block[3]], [text.length, at]);
  }
  return [block[0], block[1]];
}

/** The stream after `blocks` more blocks. */
export function skip(stream: RandomStream, blocks: number): RandomStream {
  return createStream(stream.seed, stream.name, stream.position + blocks);
}

/**
 * Fills `out` with uniform unsigned 32-bit words, four a block.
 * @returns the stream after them: a fill always starts on a fresh block
 */
export function fillWords(out: Uint32Array, stream: RandomStream): RandomStream {
  const key = keyOf(stream.seed);
  const nameHash = hashName(stream.name);
  const blocks = Math.ceil(out.length / 4);
  const whole = Math.floor(out.length / 4);
  for (let b = 0; b < whole; b++) philoxInto(out, b * 4, counterOf(stream.position + b, nameHash), key);
  if (blocks > whole) {
    const last = philox(counterOf(stream.position + whole, nameHash), key);
    out.set(last.subarray(0, out.length - whole * 4), whole * 4);
  }
  return skip(stream, blocks);
}

/**
 * Fills `out` with uniform numbers low + (high − low) · u, u one of the 2²⁴ multiples of 2⁻²⁴ in [0, 1), rounded to float32.
 * @returns the stream after them
 */
export function fillUniform(
  out: Float32Array,
  stream: RandomStream,
  { low = 0, high = 1 }: { readonly low?: number; readonly high?: number } = {},
): RandomStream {
  return fillFromWords(out, stream, (words, count, at) => {
    for (let i = 0; i < count; i++) out[at + i] = low + (high - low) * ((words[i] >>> 8) * 2 ** -24);
  });
}

/**
 * Fills `out` with normal numbers (Box-Muller on 32-bit uniforms: the largest is 6.66 · std away), rounded to float32.
 * Computed with a logarithm, sine and cosine of our own within 1e-15, so that every engine gives the same bits.
 * @returns the stream after them
 */
export function fillNormal(
  out: Float32Array,
  stream: RandomStream,
  { mean = 0, std = 1 }: { readonly mean?: number; readonly std?: number } = {},
): RandomStream {
  return fillFromWords(out, stream, (words, count, at) => {
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * portableLog((words[i] + 1) * 2 ** -32)); // (0, 1]: the logarithm is finite
      const [cos, sin] = portableCosSinOfTurns(words[i + 1] * 2 ** -32);
      out[at + i] = mean + std * (radius * cos);
      if (i + 1 < count) out[at + i + 1] = mean + std * (radius * sin);
    }
  });
}

const WORDS_AT_A_TIME = 1024; // a multiple of 4: chunks end where blocks end

/** Calls `use` with the words of consecutive parts of `out`; rounded up to whole blocks, so that pairs are never cut. */
function fillFromWords(
  out: Float32Array,
  stream: RandomStream,
  use: (words: Uint32Array, count: number, at: number) => void,
): RandomStream {
  const words = new Uint32Array(Math.min(WORDS_AT_A_TIME, Math.ceil(out.length / 4) * 4));
  let after = stream;
  for (let at = 0; at < out.length; at += WORDS_AT_A_TIME) {
    const count = Math.min(WORDS_AT_A_TIME, out.length - at);
    after = fillWords(words.subarray(0, Math.ceil(count / 4) * 4), after);
    use(words, count, at);
  }
  return after;
}

/** `length` uniform numbers in [0, 1): see `fillUniform`, which also tells the stream that comes after. */
export function uniform(length: number, stream: RandomStream): Float32Array {
  const out = new Float32Array(length);
  fillUniform(out, stream);
  return out;
}

/** `length` standard normal numbers: see `fillNormal`. */
export function normal(length: number, stream: RandomStream): Float32Array {
  const out = new Float32Array(length);
  fillNormal(out, stream);
  return out;
}

/**
 * A random order of 0 … length − 1: Fisher-Yates, with whole numbers that are exactly uniform (words that would favour some are
 * drawn again). Each order uses a stream of its own name.
 */
export function permutation(length: number, stream: RandomStream): Uint32Array {
  checkWhole("length", length);
  const order = Uint32Array.from({ length }, (_, i) => i);
  const words = new Uint32Array(WORDS_AT_A_TIME);
  let after = stream;
  let used = WORDS_AT_A_TIME;
  const nextWord = (): number => {
    if (used === WORDS_AT_A_TIME) {
      after = fillWords(words, after);
      used = 0;
    }
    return words[used++];
  };
  for (let last = length - 1; last > 0; last--) {
    const bound = last + 1;
    const fair = 2 ** 32 - (2 ** 32 % bound); // the largest multiple of bound: below it each remainder is equally likely
    let word = nextWord();
    while (word >= fair) word = nextWord();
    const pick = word % bound;
    const moved = order[last];
    order[last] = order[pick];
    order[pick] = moved;
  }
  return order;
}
