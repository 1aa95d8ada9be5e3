import { ArgumentError } from "../graph/errors.js";
import type { Disk, DiskFile } from "./disk.js";

const ERRNO_FAULTS = ["ENOSPC", "EIO", "EROFS", "EMFILE", "EACCES"] as const;

/** What goes wrong: the process dies, the call fails with an error number, or a read or write does half of what it should. */
export type Fault = "kill" | "short" | (typeof ERRNO_FAULTS)[number];

/** One call on the disk, about to be made. `index` counts from 1 over the life of the process. */
export interface DiskCall {
  readonly index: number;
  readonly name: keyof Disk | keyof DiskFile;
  readonly path: string;
}

/** Says for each call whether it is to fail, and how. */
export type FaultPlan = (call: DiskCall) => Fault | undefined;

/**
 * Reads the text of `LOWBIT_FAULT`: `FAULT@n` hits the n-th call, `FAULT@n+` that one and all after it.
 *
 * @throws {ArgumentError} when the text is something else
 * @example parseFaultPlan("ENOSPC@12+") // the disk is full from the twelfth call on
 */
export function parseFaultPlan(text: string): FaultPlan {
  const [, name, first, onwards] = /^(\w+)@(\d+)(\+?)$/.exec(text) ?? [];
  const fault = (["kill", "short", ...ERRNO_FAULTS] as const).find((known) => known === name);
  if (fault === undefined || Number(first) < 1)
    throw new ArgumentError(`LOWBIT_FAULT can't be "${text}"`, {
      want: `one of kill, short, ${ERRNO_FAULTS.join(", ")}, then @ and the number of a storage call, for example kill@12`,
      got: text,
    });
  return ({ index }) => (index === Number(first) || (onwards === "+" && index > Number(first)) ? fault : undefined);
}

/** Counts calls: shared by every storage of a process, so that one number names one call. */
export interface CallCounter {
  calls: number;
}

/**
 * The same disk, with every call announced to `plan`, which may make it fail.
 *
 * @param kill  ends the process, at once and without clean-up
 */
export function withFaults(disk: Disk, plan: FaultPlan, counter: CallCounter, kill: (call: DiskCall) => never): Disk {
  const meet = (name: DiskCall["name"], path: string): Fault | undefined => {
    const call = { index: ++counter.calls, name, path };
    const fault = plan(call);
    if (fault === "kill") kill(call);
    if (fault === undefined || fault === "short") return fault;
    throw Object.assign(new Error(`${fault}: injected at storage call ${call.index}, ${name} '${path}'`), {
      code: fault,
    });
  };
  const half = (bytes: Uint8Array, fault: Fault | undefined): Uint8Array =>
    fault === "short" && bytes.length > 1 ? bytes.subarray(0, bytes.length >> 1) : bytes;

  const file = (inner: DiskFile, path: string): DiskFile => ({
    status: async () => {
      meet("status", path);
      return inner.status();
    },
    read: async (into, position) => inner.read(half(into, meet("read", path)), position),
    write: async (bytes, position) => inner.write(half(bytes, meet("write", path)), position),
    truncate: async (bytes) => {
      meet("truncate", path);
      return inner.truncate(bytes);
    },
    sync: async () => {
      meet("sync", path);
      return inner.sync();
    },
    close: async () => {
      try {
        meet("close", path);
      } finally {
        await inner.close(); // as close(2): the descriptor is gone, whatever it returned
      }
    },
  });

  return {
    open: async (path, mode) => {
      meet("open", path);
      return file(await disk.open(path, mode), path);
    },
    status: async (path) => {
      meet("status", path);
      return disk.status(path);
    },
    list: async (folder) => {
      meet("list", folder);
      return disk.list(folder);
    },
    makeFolder: async (path) => {
      meet("makeFolder", path);
      return disk.makeFolder(path);
    },
    rename: async (from, to) => {
      meet("rename", from);
      return disk.rename(from, to);
    },
    remove: async (path) => {
      meet("remove", path);
      return disk.remove(path);
    },
    removeFolder: async (path) => {
      meet("removeFolder", path);
      return disk.removeFolder(path);
    },
    syncFolder: async (path) => {
      meet("syncFolder", path);
      return disk.syncFolder(path);
    },
  };
}
