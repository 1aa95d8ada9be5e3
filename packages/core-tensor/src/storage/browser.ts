import type { Disk } from "./disk.js";
import { type FaultPlan, withFaults } from "./disk-faults.js";
import { createMemoryDisk } from "./memory-disk.js";
import { createStorage, type Storage } from "./storage.js";

export * from "./portable.js";

const pageDisk = createMemoryDisk();
let temporaries = 0;

/** The storage of a page: files in memory, gone with it. The same options as in Node. */
export function openStorage(options: { readonly faults?: FaultPlan; readonly disk?: Disk } = {}): Storage {
  const disk = options.disk ?? pageDisk;
  const uniqueName = (): string => String(++temporaries);
  if (!options.faults) return createStorage(disk, uniqueName);
  const kill = (): never => {
    throw Object.assign(new Error("a page can't be killed"), { code: "EIO" });
  };
  return createStorage(withFaults(disk, options.faults, { calls: 0 }, kill), uniqueName);
}
