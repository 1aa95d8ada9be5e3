import type { Place } from "./program.js";

/** A stretch of scratch that one or several values share, and the calls between which it is taken. */
export interface Lifetime {
  readonly place: Place;
  readonly bytes: number;
  readonly first: number;
  last: number;
}

const ALIGNMENT = 64; // a cache line: no two threads write into one

/**
 * Gives every lifetime a place such that no two that overlap in time overlap in memory, large ones first, each at the
 * lowest place that is free for long enough. Returns the bytes of scratch needed.
 */
export function placeBuffers(lifetimes: readonly Lifetime[]): number {
  const placed: { from: number; to: number; first: number; last: number }[] = [];
  let total = 0;
  for (const lifetime of [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const length = Math.ceil(lifetime.bytes / ALIGNMENT) * ALIGNMENT;
    let from = 0;
    for (const other of placed) {
      if (other.last < lifetime.first || other.first > lifetime.last) continue;
      if (other.from >= from + length) break; // sorted by `from`: the gap before it is large enough
      from = Math.max(from, other.to);
    }
    const place = { from, to: from + length, first: lifetime.first, last: lifetime.last };
    const index = placed.findIndex((other) => other.from > from);
    placed.splice(index < 0 ? placed.length : index, 0, place);
    lifetime.place.offset = from;
    total = Math.max(total, from + length);
  }
  return total;
}
