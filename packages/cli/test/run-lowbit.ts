import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

/** The built program: children run it as a user does. LOWBIT_MAIN names another build. */
export const mainFile = process.env.LOWBIT_MAIN ?? fileURLToPath(new URL("../dist/main.js", import.meta.url));
if (!existsSync(mainFile)) throw new Error(`${mainFile} is missing: npm run setup builds it`);

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeFlags?: readonly string[];
  /** Ctrl-C comes, once, when this has been printed on the error stream. */
  readonly interruptAt?: string;
  /** Told all of the error stream so far, whenever it grows. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs `lowbit` with these words to its end. */
export function runLowbit(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { cwd, env, nodeFlags = [], interruptAt, onStderr } = options;
  const interrupts = interruptAt === undefined ? [] : ["--import", new URL("interrupt-at.mjs", import.meta.url).href];
  const { LOWBIT_FAULT: _, LOWBIT_DEBUG: __, npm_lifecycle_event: ___, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeFlags, ...interrupts, mainFile, ...words], {
      cwd,
      env: { ...inherited, ...env, ...(interruptAt !== undefined && { INTERRUPT_AT: interruptAt }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      onStderr?.(stderr, (signal) => child.kill(signal));
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

// biome-ignore lint/suspicious/noExplicitAny: what a program prints is what the test is about
export type AnyJson = any;

/** Runs `lowbit … --json` and parses what it printed; whatever else was printed makes it throw. */
export async function runJson(words: readonly string[], options?: RunOptions): Promise<AnyJson> {
  const { code, stdout, stderr } = await runLowbit([...words, "--json"], options);
  if (code !== 0) throw new Error(`lowbit ${words.join(" ")} ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout);
}

/** A folder for the files of one test file, removed after it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lowbit-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
