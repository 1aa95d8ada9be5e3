import { FileFormatError, MemoryLimitError } from "../graph/errors.js";

/** Told of each reservation: `bytes` were granted for `where`. */
export type ReservationListener = (bytes: number, where: string) => void;

const listeners = new Set<ReservationListener>();

/** Reports every reservation to `listener` until the returned function is called: for measuring what a file made us allocate. */
export function onReserve(listener: ReservationListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * The one door for allocations whose size comes from a file: zeroed bytes, or a refusal before anything is allocated.
 *
 * @param bytes  as the file says
 * @param limit  the most that this place may ask for
 * @param where  file and field, for the error
 * @throws {FileFormatError} when `bytes` is not a whole number from 0 on
 * @throws {MemoryLimitError} when it is over the limit, or the engine has no such memory
 */
export function reserve(bytes: number, limit: number, where: string): Uint8Array<ArrayBuffer> {
  checkReservation(bytes, limit, where);
  for (const listener of listeners) listener(bytes, where);
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    throw new MemoryLimitError(`no memory for ${bytes} bytes`, { where, got: bytes, cause: error });
  }
}

/** The checks of `reserve` alone: for sizes of things that grow as they are read. */
export function checkReservation(bytes: number, limit: number, where: string): void {
  if (!Number.isSafeInteger(bytes) || bytes < 0)
    throw new FileFormatError(`a size of ${bytes} bytes makes no sense`, { where, got: bytes });
  if (bytes > limit)
    throw new MemoryLimitError(`${bytes} bytes are more than the ${limit} allowed here`, {
      where,
      got: bytes,
      want: `at most ${limit} bytes`,
    });
}
