import { openText, type TextDataset, type TextOptions } from "@lowbit/data";
import { explainMissing } from "./open-named-dataset.js";

/** Opens a text that a person named: a file that is not there is a mistake in the name, not a failure of the disk. */
export async function openNamedText(name: string, where: string, options: TextOptions): Promise<TextDataset> {
  return openText(name, options).catch((error) => Promise.reject(explainMissing(error, name, where)));
}
