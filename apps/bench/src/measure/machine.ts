import { execFileSync } from "node:child_process";
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from "node:os";

/** Where and when a result was taken. Others at work on the machine show in the load. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
  readonly v8: string;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${platform()} ${arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
  };
}

/** Processes that wanted a processor over the last 1, 5 and 15 minutes, this one included. */
export const currentLoad = (): readonly number[] => loadavg().map((load) => Math.round(load * 100) / 100);

function git(...args: string[]): string | undefined {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined; // a copy without its history, or no git here
  }
}

/** The commit that was measured, with "+changes" where the sources differ from it; null outside a repository. */
export function currentCommit(): string | null {
  const commit = git("rev-parse", "HEAD");
  if (commit === undefined) return null;
  const changes = git("status", "--porcelain", "--", ":/packages", ":/apps");
  return changes === "" ? commit : `${commit}+changes`;
}
