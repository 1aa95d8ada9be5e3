import { ArgumentError, FileFormatError } from "@lowbit/core-tensor";
import type { JsonRecord } from "../json.js";
import { createModel } from "./create-model.js";
import type { Model, ModelOptions } from "./model.js";

/**
 * Makes the built-in model that a file names, with fresh weights.
 *
 * @param where  the file or folder, for errors
 * @throws {FileFormatError} when its name or options make no sense, or say nothing of its images: files take no defaults there
 */
export function rebuildModel(described: { readonly name: string; readonly options: JsonRecord }, where: string): Model {
  const options = { inputShape: null, classes: null, ...described.options }; // null is refused, absent ones have defaults
  try {
    return createModel(described.name, options as unknown as ModelOptions); // checked there
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause;
    const [headline] = cause.message.split("\n");
    throw new FileFormatError(`the model of this file can't be made: ${headline}`, { where, want: cause.want, cause });
  }
}
