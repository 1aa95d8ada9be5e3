/**
 * Which positions of a window have work, lane by lane. Position k of a window belongs to lane k mod lanes and is its (k div lanes)-th;
 * each lane has words of 32 bits, the first position in the lowest bit.
 */
export interface MaskLayout {
  readonly lanes: number;
  readonly wordsPerLane: number;
  readonly window: number;
}

export function maskLayout(window: number, lanes: number): MaskLayout {
  return { window, lanes, wordsPerLane: Math.max(1, Math.ceil(Math.ceil(window / lanes) / 32)) };
}

export const wordsOf = ({ lanes, wordsPerLane }: MaskLayout): number => lanes * wordsPerLane;

/** Positions of one lane. */
export const positionsOfLane = ({ window, lanes }: MaskLayout, lane: number): number =>
  Math.floor(window / lanes) + (lane < window % lanes ? 1 : 0);

/** Sets the bits of a window's positions that have work, in `words` from `offset` on. */
export function packMask(
  words: Uint32Array,
  offset: number,
  { window, lanes, wordsPerLane }: MaskLayout,
  hasWork: (position: number) => boolean,
): void {
  for (let k = 0, lane = 0, place = 0; k < window; k++) {
    if (hasWork(k)) words[offset + lane * wordsPerLane + (place >>> 5)] |= 1 << (place & 31);
    if (++lane === lanes) [lane, place] = [0, place + 1];
  }
}

/** Set bits of a word. */
export function popcount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * Cycles that a lane takes to get past its positions: each cycle it does the next one with work among the `lookAhead` ahead of it, or
 * moves over them where there is none. 0 is no limit: a cycle for each position with work.
 *
 * @param next  the first position with work from a given one on, or `positions` where there is none
 */
export function scanCycles(positions: number, lookAhead: number, next: (from: number) => number): number {
  let cycles = 0;
  for (let at = 0; at < positions; cycles++) {
    const found = next(at);
    at = found < at + lookAhead ? found + 1 : at + lookAhead;
  }
  return cycles;
}
