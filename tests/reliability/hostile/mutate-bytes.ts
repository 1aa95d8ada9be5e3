import type { Random } from "./random.js";

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const nastyNumbers = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** A number over two, four or eight bytes, in either order: lengths and offsets of every format are such. */
const setNumber: Mutation = (bytes, random) => {
  const width = random.pick([2, 4, 8]);
  if (bytes.length < width) return bytes;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  // Lengths lie in front more often than anywhere else.
  const at = random.chance(0.5)
    ? random.below(Math.min(32, bytes.length - width + 1))
    : random.below(bytes.length - width + 1);
  const value = random.chance(0.5) ? random.pick(nastyNumbers) : bytes.length + random.below(17) - 8;
  const littleEndian = random.chance(0.5);
  if (width === 2) view.setUint16(at, value, littleEndian);
  if (width === 4) view.setUint32(at, value, littleEndian);
  if (width === 8) view.setBigUint64(at, BigInt(value) << BigInt(random.pick([0, 0, 0, 32])), littleEndian);
  return copy;
};

const mutations: readonly Mutation[] = [
  (bytes, random) => bytes.with(random.below(bytes.length), random.below(256)),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.with(at, bytes[at] ^ (1 << random.below(8)));
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)), // cut off
  (bytes, random) => {
    const [from, count] = [random.below(bytes.length), 1 + random.below(16)];
    return join(bytes.subarray(0, from), bytes.subarray(from + count)); // taken out
  },
  (bytes, random) => {
    const [from, count] = [random.below(bytes.length), 1 + random.below(64)];
    const part = bytes.subarray(from, from + count);
    return join(bytes.subarray(0, from), part, bytes.subarray(from)); // twice
  },
  (bytes, random) => {
    const [a, b] = [random.below(bytes.length), random.below(bytes.length)];
    return join(bytes.subarray(0, a), bytes.subarray(b)); // spliced with itself
  },
  (bytes, random) => join(bytes, new Uint8Array(1 + random.below(9)).fill(random.below(256))), // a tail
  setNumber,
  setNumber,
];

/** One to four changes, anywhere. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let changed = bytes;
  for (let left = 1 + random.below(4); left > 0 && changed.length > 0; left--) {
    changed = random.pick(mutations)(changed, random);
  }
  return changed;
}
