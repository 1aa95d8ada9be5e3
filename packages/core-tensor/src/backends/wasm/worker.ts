import { serveRuns, type ThreadMessage } from "./serve-runs.js";

// The start of a thread in a browser; bundlers find it through `new Worker(new URL("./worker.js", import.meta.url))`.
const scope = globalThis as unknown as {
  postMessage(message: unknown): void;
  onmessage: ((event: { data: ThreadMessage }) => void) | null;
};

serveRuns({
  send: (answer) => scope.postMessage(answer),
  listen: (handle) => {
    scope.onmessage = ({ data }) => handle(data);
  },
});
