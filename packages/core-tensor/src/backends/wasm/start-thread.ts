import { serveRuns, type ThreadAnswer, type ThreadMessage } from "./serve-runs.js";

/** One worker, whatever the platform calls it. */
export interface Thread {
  send(message: ThreadMessage): void;
  /** While held, the thread keeps the process alive; a fresh one does. */
  hold(): void;
  release(): void;
  end(): Promise<void>;
}

export interface ThreadEvents {
  onAnswer(answer: ThreadAnswer): void;
  /** The thread ended or broke without being told to. */
  onDeath(reason: string): void;
}

const isNode = typeof process !== "undefined" && typeof process.versions?.node === "string";

export function startThread(events: ThreadEvents): Promise<Thread> {
  return isNode ? startNodeThread(events) : Promise.resolve(startWebThread(events));
}

/** Node starts the worker from text: the same in dist/, from TypeScript sources under test, and inside one bundled file. */
async function startNodeThread({ onAnswer, onDeath }: ThreadEvents): Promise<Thread> {
  const name = "node:worker_threads"; // not written into the import, so that bundlers for browsers do not look for it
  const { Worker } = (await import(
    /* @vite-ignore */ /* webpackIgnore: true */ name
  )) as typeof import("node:worker_threads");
  const source = `
    const { parentPort } = require("node:worker_threads");
    (${serveRuns.toString()})({
      send: (answer) => parentPort.postMessage(answer),
      listen: (handle) => parentPort.on("message", handle),
    });`;
  const worker = new Worker(source, { eval: true, execArgv: [], stdout: false });
  worker.on("message", onAnswer);
  worker.on("error", (error) => onDeath(String(error)));
  worker.on("exit", (code) => onDeath(`it ended with code ${code}`));
  return {
    send: (message) => worker.postMessage(message),
    hold: () => worker.ref(),
    release: () => worker.unref(),
    end: async () => {
      await worker.terminate();
    },
  };
}

function startWebThread({ onAnswer, onDeath }: ThreadEvents): Thread {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<ThreadAnswer>) => onAnswer(data);
  worker.onerror = ({ message }) => onDeath(message);
  return {
    send: (message) => worker.postMessage(message),
    hold: () => {},
    release: () => {},
    end: async () => worker.terminate(),
  };
}
