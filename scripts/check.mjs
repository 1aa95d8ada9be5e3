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

/** Runs the checks side by side, each to its end, and resolves to the names of those that failed. */
export async function runChecks() {
  const codes = await Promise.all(
    checks.map(({ name, script, args }) => {
      process.stderr.write(`check: ${name}\n`);
      return runInstalled(script, args, { quietOutput: true });
    }),
  );
  const failed = checks.filter((_, index) => codes[index] !== 0).map(({ name }) => name);
  return { passed: checks.length - failed.length, failed };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { failed } = await runChecks();
  for (const name of failed) process.stderr.write(`check: failed: ${name}\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
