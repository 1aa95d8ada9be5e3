import { spawn } from "node:child_process";
import { constants } from "node:os";
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
 * A Ctrl-C reaches the program by itself, as part of our group: we wait for it to finish what it saves. Other signals are passed on.
 */
export function runProgram(command, args, { quietOutput = false, cwd = root, env = {} } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...environment, ...env },
    stdio: ["inherit", quietOutput ? 2 : "inherit", "inherit"],
    shell: process.platform === "win32" && command !== process.execPath, // npx and npm are batch files there
  });
  const waitForIt = () => {};
  const passOn = (signal) => child.kill(signal);
  process.on("SIGINT", waitForIt).on("SIGTERM", passOn);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  }).finally(() => process.off("SIGINT", waitForIt).off("SIGTERM", passOn));
}

/** Runs the pinned pnpm from the root of the workspace and resolves to its exit code. */
export function runPnpm(args, options) {
  return runProgram("npx", ["-y", pinnedPnpm, ...args], options);
}

/** Runs a script of an installed package (`vitest/vitest.mjs`) with the Node that runs us. */
export function runInstalled(script, args, options) {
  return runProgram(process.execPath, [`${root}/node_modules/${script}`, ...args], options);
}
