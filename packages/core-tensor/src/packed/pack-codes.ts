import { bytesOf } from "../graph/dtype.js";

/**
 * Writes fields of `bits` bits one behind the other, lowest bit first, into little-endian 32-bit words.
 *
 *     bits = 2:   word 0  [ f15 … f2 f1 f0 ]   bit 0 is the low bit of f0
 */
export function packFields(fields: ArrayLike<number>, bits: number): Uint8Array {
  const out = new Uint8Array(bytesOf(`p${bits}` as "p1", fields.length));
  for (let i = 0; i < fields.length; i++) {
    const bit = i * bits;
    const shifted = fields[i] << (bit & 7); // at most 15 bits: a field touches two bytes
    out[bit >>> 3] |= shifted;
    if (shifted > 255) out[(bit >>> 3) + 1] |= shifted >>> 8;
  }
  return out;
}

/** Reads `count` fields of `bits` bits back. */
export function unpackFields(packed: Uint8Array, bits: number, count: number): Uint8Array {
  const out = new Uint8Array(count);
  const mask = 2 ** bits - 1;
  for (let i = 0; i < count; i++) {
    const bit = i * bits;
    const both = packed[bit >>> 3] | ((packed[(bit >>> 3) + 1] ?? 0) << 8);
    out[i] = (both >>> (bit & 7)) & mask;
  }
  return out;
}
