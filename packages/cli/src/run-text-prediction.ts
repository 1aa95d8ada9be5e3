import { ArgumentError } from "@lowbit/core-tensor";
import { hasErrno, type Storage } from "@lowbit/core-tensor/storage";
import { createLabelledTextLoader, encodeTokens, tokenize } from "@lowbit/data";
import { compileForward } from "@lowbit/nn";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { warn } from "./print.js";
import { rankClasses } from "./rank-classes.js";
import type { Prediction } from "./run-prediction.js";
import type { OpenedTextClassifier } from "./text-classifier-folder.js";

const MAX_TEXT_BYTES = 64 * 2 ** 20;

/** `lowbit predict FILE --model DIR` with a text classifier: the likeliest classes of the text in a file. */
export async function predictText(
  file: string,
  network: OpenedTextClassifier,
  run: EngineChoice & { readonly storage: Storage; readonly top: number },
): Promise<Prediction> {
  const { storage, top, ...choice } = run;
  const { level, vocabulary, classes, length } = network.notes.data;
  const words = tokenize(await readText(storage, file), level);
  const text = encodeTokens(words.slice(0, length), vocabulary);
  if (text.every((token) => token === 0)) warn(`the network knows no ${level} of ${file}`);
  const split = { texts: [text], labels: new Int32Array(1) };
  const loader = createLabelledTextLoader(split, { batch: 1, length, padding: vocabulary.length });
  const engine = await openEngine(choice, "inference");
  try {
    await network.load(engine);
    const logitsOf = compileForward(engine, network.model);
    let ranked: Prediction["classes"] = [];
    for await (const { images } of loader) {
      const { logits } = await logitsOf({ images });
      ranked = rankClasses(Array.from(logits.data), classes);
    }
    const read = Math.min(words.length, length);
    const preparation = `${file}: the first ${read} of ${words.length} ${level}s read`;
    return { image: file, model: network.folder, classes: ranked.slice(0, top), preparation, inverted: false };
  } finally {
    await engine.close();
  }
}

async function readText(storage: Storage, file: string): Promise<string> {
  const bytes = await storage.read(file, { limit: MAX_TEXT_BYTES }).catch((error) => {
    if (!hasErrno(error, "ENOENT", "ENOTDIR", "EISDIR")) throw error;
    throw new ArgumentError(`there is no text ${JSON.stringify(file)}`, {
      where: file,
      want: "a file of text",
      cause: error,
    });
  });
  return new TextDecoder().decode(bytes); // what is no UTF-8 becomes a sign that no vocabulary has
}
