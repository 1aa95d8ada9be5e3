// What can be said about the code without running it: `pnpm check`.
import { pathToFileURL } from "node:url";
import { runInstalled } from "./run-program.mjs";

const checks = [
  { name: "format and lint (biome)", script: "@biomejs/biome/bin/biome", args: ["check", "--error-on-warnings", "."] },
  { name: "types (tsc)", script: "typescript/bin/tsc", args: ["--project", "tsconfig.json", "--pretty"] },
  {
    name: "dead exports and dependencies (knip)",
    script: "knip/bin/knip.js",
    args: ["--no-progress", "--no-config-hints"],
  },
];

/** Runs every check, also after a failure, and resolves to the names of those that failed. */
export async function runChecks() {
  const failed = [];
  for (const { name, script, args } of checks) {
    process.stderr.write(`check: ${name}\n`);
    if ((await runInstalled(script, args, { quietOutput: true })) !== 0) failed.push(name);
  }
  for (const name of failed) process.stderr.write(`check: failed: ${name}\n`);
  return { passed: checks.length - failed.length, failed: failed.length };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { failed } = await runChecks();
  process.exitCode = failed === 0 ? 0 : 1;
}
