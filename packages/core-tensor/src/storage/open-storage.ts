import type { Disk } from "./disk.js";
import { type CallCounter, type DiskCall, type FaultPlan, parseFaultPlan, withFaults } from "./disk-faults.js";
import { createNodeDisk } from "./node-disk.js";
import { createStorage, type Storage } from "./storage.js";

const processCalls: CallCounter = { calls: 0 };
let temporaries = 0;

function killThisProcess(): never {
  process.kill(process.pid, "SIGKILL");
  for (;;); // the signal may take a moment: nothing more may happen before it
}

/** Says on stderr which call a fault of the environment hit, so that a test knows whether it was reached. */
function announced(plan: FaultPlan): FaultPlan {
  return (call: DiskCall) => {
    const fault = plan(call);
    if (fault !== undefined)
      process.stderr.write(`LOWBIT_FAULT: ${fault} at storage call ${call.index}, ${call.name} ${call.path}\n`);
    return fault;
  };
}

/**
 * The storage of this machine. Every call on the disk is counted, over the whole process, and can be made to fail: by
 * `options.faults`, or by the environment, where `LOWBIT_FAULT=kill@12` ends the process at the twelfth call (see `parseFaultPlan`).
 *
 * @param options.faults  decides for each call; the environment is not asked then, and calls are counted from 1 for this storage
 * @param options.disk    another disk to work on, for example one that records
 */
export function openStorage(options: { readonly faults?: FaultPlan; readonly disk?: Disk } = {}): Storage {
  const disk = options.disk ?? createNodeDisk();
  const uniqueName = (): string => `${process.pid}-${++temporaries}`;
  if (options.faults) return createStorage(withFaults(disk, options.faults, { calls: 0 }, killThisProcess), uniqueName);
  const setting = process.env.LOWBIT_FAULT;
  if (!setting) return createStorage(disk, uniqueName);
  return createStorage(withFaults(disk, announced(parseFaultPlan(setting)), processCalls, killThisProcess), uniqueName);
}
