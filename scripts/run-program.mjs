import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. Every script works from here, wherever it was called from. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The package manager, pinned: `npx` fetches it where it is missing, and puts it on the PATH of what it starts. */
const pinnedPnpm = "pnpm@12.21.0";

const environment = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };

/**
 * Runs a program to its end and resolves to its exit code.
 *
 * @param options.quietOutput  its standard output goes to ours for errors, so that ours stays free for results
 * A Ctrl-C reaches the program by itself; we wait for it to finish what it saves.
 */
export function runProgram(command, args, { quietOutput = false, cwd = root, env = {} } = {}) {
  const ignoreInterrupt = () => {};
  process.on("SIGINT", ignoreInterrupt);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...environment, ...env },
      stdio: ["inherit", quietOutput ? 2 : "inherit", "inherit"],
      shell: process.platform === "win32" && !command.includes("node"), // npx is a batch file there
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
  }).finally(() => process.off("SIGINT", ignoreInterrupt));
}

/** Runs the pinned pnpm from the root of the workspace and resolves to its exit code. */
export function runPnpm(args, options) {
  return runProgram("npx", ["-y", pinnedPnpm, ...args], options);
}

/** Runs a script of an installed package (`vitest/vitest.mjs`) with the Node that runs us. */
export function runInstalled(script, args, options) {
  return runProgram(process.execPath, [`${root}/node_modules/${script}`, ...args], options);
}
