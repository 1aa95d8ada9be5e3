import type { Build, KernelExports } from "./load-kernels.js";

/**
 * Bits of the unsigned side that a relaxed dot product of bytes takes exactly here: 7 is what its specification promises, 8 what x86 makes
 * of it (an engine keeps its choice as long as it runs), 0 where it is wrong or missing.
 */
export type DotBits = 0 | 7 | 8;

export interface Dots {
  /** Four bytes into int32, or 0 where that would be slower than two. */
  readonly bytes: DotBits;
  /** Two bytes into int16, where their sum fits. */
  readonly shorts: DotBits;
}

/** Long enough for the optimising compiler to have had its turn. */
const PROBES = 2000;
/** Extremes, and values around which a narrow sum would saturate or change its sign. */
const signedBytes = [-128, -127, -1, 0, 1, 127];
const unsignedBytes = (bits: number): number[] => [0, 1, 63, 64, 2 ** bits - 2, 2 ** bits - 1];

/** Whether `dot` of four bytes, or of two and two, gives their sum for every pair of values in many places. */
function isExact(dot: (a: number, b: number) => number, lanes: 2 | 4, bits: 7 | 8): boolean {
  const word = (bytes: readonly number[]) => bytes.reduce((sum, byte, i) => sum | ((byte & 255) << (8 * i)), 0);
  const unsigned = unsignedBytes(bits);
  for (let i = 0; i < PROBES; i++) {
    const a = [i, i + Math.floor(i / 7), i, i + 1].map((place) => signedBytes[place % signedBytes.length]);
    const b = [0, 1, 2, 3].map((lane) => unsigned[Math.floor(i / (lane + 6)) % unsigned.length]);
    const sum = a.slice(0, lanes).reduce((total, each, lane) => total + each * b[lane], 0);
    if (lanes === 2 && Math.abs(sum) >= 2 ** 15) continue; // nobody promises these, and nobody asks for them
    if (dot(word(a), word(b)) !== sum) return false;
  }
  return true;
}

function bitsOf(dot: (a: number, b: number) => number, lanes: 2 | 4): DotBits {
  if (!isExact(dot, lanes, 7)) return 0;
  return isExact(dot, lanes, 8) ? 8 : 7;
}

/**
 * What the dot products of a build are worth on this processor. Four bytes at once pay where one instruction does it; on x86 that is the
 * one that takes 8 bits (VNNI). Without it they come as several, and `wantsBytes` alone brings them in.
 */
export function probeDots(build: Build, kernels: KernelExports, wantsBytes = false): Dots {
  if (build === "portable") return { bytes: 0, shorts: 0 };
  const bytes = bitsOf(kernels.probeByteDot, 4);
  return { bytes: bytes === 8 || wantsBytes ? bytes : 0, shorts: bitsOf(kernels.probeShortDot, 2) };
}
