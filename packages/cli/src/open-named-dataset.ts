import { ArgumentError } from "@lowbit/core-tensor";
import { hasErrno } from "@lowbit/core-tensor/storage";
import { type Dataset, openDataset, type Split } from "@lowbit/data";

/** Opens a data set that a person named: a folder that is not there is a mistake in the name, not a failure of the disk. */
export async function openNamedDataset(name: string, where: string): Promise<Dataset> {
  return openDataset(name).catch((error) => Promise.reject(explainMissing(error, name, where)));
}

/** What opening a named data set failed with, told as a mistake in the name where that is what it is. */
export function explainMissing(error: unknown, name: string, where: string): unknown {
  if (!hasErrno(error, "ENOENT", "ENOTDIR")) return error;
  const [headline] = (error as Error).message.split("\n");
  return new ArgumentError(`the data set ${JSON.stringify(name)} can't be opened: ${headline}`, {
    where,
    hint: "lowbit data list tells what each name needs",
    cause: error,
  });
}

/** The first images of a split; all of them without a limit. */
export function limitSplit(split: Split, limit: number | undefined): Split {
  if (limit === undefined || limit >= split.count) return split;
  const pixels = split.images.length / split.count;
  return {
    ...split,
    count: limit,
    images: split.images.subarray(0, limit * pixels),
    labels: split.labels.subarray(0, limit),
  };
}
