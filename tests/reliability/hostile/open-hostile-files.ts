// A program of its own: `node open-hostile-files.mjs FORMAT COUNT SEED PROGRESS_FILE KEPT_FOLDER`. Opens the files that once went
// wrong and were kept, FORMAT-*.json in KEPT_FOLDER, then COUNT spoiled files of a format, and prints what happened as JSON. The
// number of the file being opened goes to PROGRESS_FILE first: if one never ends, it is named.
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { LowbitError } from "@lowbit/core-tensor";
import { onReserve } from "@lowbit/core-tensor/storage";
import { findFormat } from "./find-formats.js";
import { type Files, type HostileFormat, Unsound } from "./hostile-format.js";
import { createRandom } from "./random.js";

/** What came of the files of one format. */
export interface HostileReport {
  readonly format: string;
  readonly opened: number;
  readonly accepted: number;
  readonly refused: number;
  /** Errors that are none of ours, results that contradict themselves, and accepted seeds that were refused. */
  readonly untyped: number;
  readonly slow: number;
  readonly greedy: number;
  readonly slowestCpuMs: number;
  readonly peakMemoryMB: number;
  /** The first few files that went wrong, whole. */
  readonly failures: readonly {
    readonly what: string;
    readonly file: number;
    readonly files: Record<string, string>;
  }[];
}

const SLOW_CPU_MS = 1000;
const SMALL_FILE = 64 * 1024;
const MOST_FAILURES = 3;

const base64 = (files: Files): Record<string, string> =>
  Object.fromEntries([...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString("base64")]));

/** Opens one; tells what went wrong, undefined where all is well. */
async function openOne(
  format: HostileFormat,
  files: Files,
): Promise<{ isAccepted: boolean; wrong: string[]; cpuMs: number }> {
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  let reserved = 0;
  const stop = onReserve((amount) => {
    reserved += amount;
  });
  const wrong: string[] = [];
  const before = process.cpuUsage(); // not the clock: the machine may be busy with others
  let isAccepted = true;
  try {
    await format.open(files);
  } catch (error) {
    isAccepted = false;
    const isTyped = error instanceof LowbitError && !(error instanceof Unsound) && error.code !== "LOWBIT_STORAGE";
    if (!isTyped)
      wrong.push(`untyped: ${error instanceof Error ? error.stack?.split("\n").slice(0, 6).join(" | ") : error}`);
  } finally {
    stop();
  }
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1000;
  if (cpuMs > SLOW_CPU_MS && bytes <= SMALL_FILE) wrong.push(`slow: ${Math.round(cpuMs)} ms for ${bytes} bytes`);
  if (reserved > 4 * bytes + 16 * 2 ** 20) wrong.push(`greedy: reserved ${reserved} bytes for a file of ${bytes}`);
  return { isAccepted, wrong, cpuMs };
}

function peakMemoryMB(): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024);
  } catch {
    return Math.round(process.memoryUsage().rss / 2 ** 20); // not Linux
  }
}

function keptFiles(format: string): Files[] {
  const names = readdirSync(keptFolder).filter((name) => name.startsWith(`${format}-`));
  return names.map((name) => {
    const files: Record<string, string> = JSON.parse(readFileSync(join(keptFolder, name), "utf8"));
    return new Map(Object.entries(files).map(([path, bytes]) => [path, new Uint8Array(Buffer.from(bytes, "base64"))]));
  });
}

async function openMany(format: HostileFormat, count: number, seed: number, progress: number): Promise<HostileReport> {
  const report = { opened: 0, accepted: 0, refused: 0, untyped: 0, slow: 0, greedy: 0, slowestCpuMs: 0 };
  const failures: { what: string; file: number; files: Record<string, string> }[] = [];
  const fail = (what: string, file: number, files: Files): void => {
    if (failures.length < MOST_FAILURES) failures.push({ what, file, files: base64(files) });
  };
  for (const [i, files] of format.seeds.entries()) {
    const { isAccepted } = await openOne(format, files);
    if (isAccepted) continue;
    report.untyped++;
    fail(`seed ${i} was refused`, -1, files);
  }
  const kept = keptFiles(format.name);
  for (let file = -kept.length; file < count; file++) {
    const random = createRandom(seed + file); // each file by itself: number 1234 can be made again without the others
    const files = kept[file + kept.length] ?? (await format.mutate(random.pick(format.seeds), random));
    writeSync(progress, String(file).padStart(12), 0);
    const { isAccepted, wrong, cpuMs } = await openOne(format, files);
    report.opened++;
    if (isAccepted) report.accepted++;
    else report.refused++;
    report.slowestCpuMs = Math.max(report.slowestCpuMs, Math.round(cpuMs));
    for (const what of wrong) {
      report[what.split(":")[0] as "untyped" | "slow" | "greedy"]++;
      fail(what, file, files);
    }
  }
  return { format: format.name, ...report, peakMemoryMB: peakMemoryMB(), failures };
}

const [name, count, seed, progressFile, keptFolder] = process.argv.slice(2);
const report = await openMany(await findFormat(name), Number(count), Number(seed), openSync(progressFile, "w"));
process.stdout.write(`${JSON.stringify(report)}\n`);
