import { spawn } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";

export interface ChildResult {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** It ran longer than it may, and was killed for that. */
  readonly timedOut: boolean;
}

export interface ChildOptions {
  /** Flags of Node, before the script. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Seconds that it may take. */
  readonly timeout?: number;
  /** Milliseconds after which it is killed with SIGKILL, as part of the test. */
  readonly killAfter?: number;
}

/** Runs a Node program of its own to its end, whatever that is. Never hangs: what takes too long is killed. */
export async function runChild(
  script: string,
  args: readonly string[],
  { flags = [], env = {}, cwd, timeout = 600, killAfter }: ChildOptions = {},
): Promise<ChildResult> {
  const child = spawn(process.execPath, [...flags, script, ...args], {
    cwd,
    env: { ...plainEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr, timedOut] = ["", "", false];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const watchdog = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeout * 1000);
  const killer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(watchdog);
      clearTimeout(killer);
      resolve({ code, signal, stdout, stderr, timedOut });
    });
  });
}

/** Without what the test runner set for itself: a child is a program as a user starts it. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_OPTIONS|LOWBIT_)/.test(name));
  return Object.fromEntries(kept);
}

/** Works through `items`, two at a time, and waits for all. */
export async function inPairs<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      await work(next.value);
      await wait(0);
    }
  };
  await Promise.all([worker(), worker()]);
}
