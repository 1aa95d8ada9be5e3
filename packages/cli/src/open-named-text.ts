import {
  type LabelledTextDataset,
  type LabelledTextOptions,
  openLabelledText,
  openText,
  type TextDataset,
  type TextOptions,
} from "@lowbit/data";
import { explainMissing } from "./open-named-dataset.js";

/** Opens a text that a person named: a file that is not there is a mistake in the name, not a failure of the disk. */
export async function openNamedText(name: string, where: string, options: TextOptions): Promise<TextDataset> {
  return openText(name, options).catch((error) => Promise.reject(explainMissing(error, name, where)));
}

/** The same for labelled texts. */
export async function openNamedLabelledText(
  name: string,
  where: string,
  options: LabelledTextOptions,
): Promise<LabelledTextDataset> {
  return openLabelledText(name, options).catch((error) => Promise.reject(explainMissing(error, name, where)));
}
