import { fetchFashionMnist, fetchText } from "@lowbit/data";
import { watchInterrupt } from "./interrupt.js";
import { note } from "./print.js";
import { type Progress, startProgress } from "./progress.js";

export interface FetchedFile {
  readonly file: string;
  readonly bytes: number;
  readonly alreadyThere: boolean;
}

/** Fetches a data set or a text with a bar for each file. Stopped in between, the next call goes on with what is missing. */
export async function fetchDataset(options: {
  readonly name: string;
  readonly folder: string;
  readonly origin: string | undefined;
  readonly progress: boolean;
}): Promise<FetchedFile[]> {
  const files = new Map<string, FetchedFile>();
  let bar: Progress | undefined;
  const interrupt = watchInterrupt({ onFirst: () => note("stopping; complete files stay") });
  try {
    const { name, folder } = options;
    const fetchNamed: typeof fetchFashionMnist =
      name === "fashion-mnist" ? fetchFashionMnist : (into, how) => fetchText(name, into, how);
    await fetchNamed(folder, {
      origin: options.origin,
      signal: interrupt.signal,
      onProgress: ({ file, receivedBytes, totalBytes, alreadyThere }) => {
        if (!files.has(file)) {
          bar?.stop();
          note(alreadyThere ? `${file} is there already` : `fetching ${file}`);
          bar = startProgress(file, totalBytes ?? receivedBytes, { show: options.progress && !alreadyThere });
        }
        files.set(file, { file, bytes: receivedBytes, alreadyThere });
        bar?.update(receivedBytes);
      },
    });
  } catch (error) {
    throw interrupt.signal.aborted ? interrupt.signal.reason : error;
  } finally {
    bar?.stop();
    interrupt.release();
  }
  return [...files.values()];
}
