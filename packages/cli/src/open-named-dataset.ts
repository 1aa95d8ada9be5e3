import { ArgumentError } from "@lowbit/core-tensor";
import { hasErrno } from "@lowbit/core-tensor/storage";
import { type Dataset, openDataset, type Split } from "@lowbit/data";

/** Opens a data set that a person named: a folder that is not there is a mistake in the name, not a failure of the disk. */
export async function openNamedDataset(name: string, where: string): Promise<Dataset> {
  try {
    return await openDataset(name);
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR")) throw error;
    throw new ArgumentError(
      `the data set ${JSON.stringify(name)} can't be opened: ${(error as Error).message.split("\n")[0]}`,
      {
        where,
        hint: "lowbit data list tells what each name needs",
        cause: error,
      },
    );
  }
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
