// Philox4x32-10: a random number generator without state. The n-th block of a stream is a function of n, so any worker can
// make any part of it, and a stream is resumed by remembering one number.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; test vectors: Random123, kat_vectors.

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9; // golden ratio
const WEYL_1 = 0xbb67ae85; // sqrt(3) − 1
const ROUNDS = 10;

/** Upper 32 bits of the product of two unsigned 32-bit words: the lower 32 are `Math.imul(a, b)`. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // < 2³²: no rounding
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/** As `philox`, into `out[at] … out[at + 3]` and without allocating: for fills. Words are unsigned 32-bit. */
export function philoxInto(
  out: Uint32Array,
  at: number,
  [counter0, counter1, counter2, counter3]: PhiloxCounter,
  [key0, key1]: PhiloxKey,
): void {
  let [c0, c1, c2, c3, k0, k1] = [counter0, counter1, counter2, counter3, key0, key1];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

/** Which block: four unsigned 32-bit words. */
export type PhiloxCounter = readonly [number, number, number, number];

/** Which sequence: two unsigned 32-bit words. */
export type PhiloxKey = readonly [number, number];

/**
 * One block of Philox4x32-10: four uniform unsigned 32-bit words that depend on `counter` and `key` alone.
 *
 * @example philox([0, 0, 0, 0], [0, 0]) // Uint32Array [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] on every engine
 */
export function philox(counter: PhiloxCounter, key: PhiloxKey): Uint32Array {
  const block = new Uint32Array(4);
  philoxInto(block, 0, counter, key);
  return block;
}
