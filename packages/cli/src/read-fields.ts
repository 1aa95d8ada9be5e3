import { ArgumentError } from "@lowbit/core-tensor";
import { hasErrno, parseJson, type Storage } from "@lowbit/core-tensor/storage";
import type { ExperimentSource } from "./experiment.js";

/**
 * The fields of an experiment: from the options that were given, or from a file, never from both.
 *
 * @param known  the options that are fields
 * @param checkOptions  told the fields that options gave: says which are missing
 */
export async function readFields(
  storage: Storage,
  source: ExperimentSource,
  options: object,
  known: readonly string[],
  checkOptions: (given: object) => void,
): Promise<unknown> {
  const isGiven = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);
  const given = Object.entries(options).filter(([name, value]) => known.includes(name) && isGiven(value));
  if (source.kind === "options") {
    const fields = Object.fromEntries(given);
    checkOptions(fields);
    return fields;
  }
  if (given.length > 0) {
    const names = given.map(([name]) => name).join(", ");
    throw new ArgumentError(`${source.file} says it all; ${names} can't be given beside it`, {
      want: "an experiment file, or options, not both",
    });
  }
  const bytes = await storage.read(source.file, { limit: 2 ** 20 }).catch((error) => {
    if (!hasErrno(error, "ENOENT", "ENOTDIR", "EISDIR")) throw error;
    throw new ArgumentError(`there is no experiment file ${JSON.stringify(source.file)}`, {
      where: source.file,
      cause: error,
    });
  });
  return parseJson(bytes, { file: source.file });
}
