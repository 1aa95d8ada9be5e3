import { execFileSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Where this program lies: in a checkout, its sources are what made a result. */
const home = dirname(fileURLToPath(import.meta.url));

function git(...args: string[]): string | undefined {
  try {
    return execFileSync("git", ["-C", home, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined; // installed from npm, or no git here
  }
}

/** The commit of the sources, with "+changes" where they differ from it; null where this program is no checkout. */
export function currentCommit(): string | null {
  const isTracked = git("ls-files", "--error-unmatch", ":/packages/cli/package.json") !== undefined;
  const commit = isTracked ? git("rev-parse", "HEAD") : undefined;
  if (commit === undefined) return null;
  return git("status", "--porcelain", "--", ":/packages") === "" ? commit : `${commit}+changes`;
}
