import { ArgumentError } from "@lowbit/core-tensor";
import { folderOf, type Storage } from "@lowbit/core-tensor/storage";

/**
 * Looks at the folder that a verb is to write, and writes nothing: it may be missing or empty, or hold a run to resume.
 *
 * @throws {ArgumentError} when something is in the way
 */
export async function checkOutFolder(
  storage: Storage,
  folder: string,
  { resume = false }: { readonly resume?: boolean } = {},
): Promise<void> {
  const refuse = (headline: string, hint: string): never => {
    throw new ArgumentError(headline, {
      where: `--out ${folder}`,
      want: "a folder that is empty or does not exist yet",
      hint,
    });
  };
  if (folder === "") refuse("--out can't be empty", "--out runs/first");
  const status = await storage.status(folder);
  if (status !== undefined && status.kind !== "folder")
    refuse(`${JSON.stringify(folder)} is a file, not a folder`, "another name");
  if (status === undefined) {
    const parent = folderOf(folder);
    const above = parent === folder ? undefined : await nearestExisting(storage, parent);
    if (above !== undefined && above.kind !== "folder") {
      refuse(`${JSON.stringify(folder)} can't be made: ${JSON.stringify(above.path)} is a file`, "another name");
    }
    return;
  }
  if (resume || (await storage.list(folder)).length === 0) return;
  const hint = (await storage.exists(`${folder}/manifest.json`))
    ? "--resume to go on with the run in it, or another folder"
    : "another folder";
  refuse(`the folder ${JSON.stringify(folder)} is not empty`, hint);
}

/** The folder above that exists; a part of the path that is a file is found too. */
async function nearestExisting(storage: Storage, path: string): Promise<{ path: string; kind: string } | undefined> {
  const status = await storage.status(path).catch(() => undefined); // below a file: ask one higher
  if (status !== undefined) return { path, kind: status.kind };
  const parent = folderOf(path);
  return parent === path ? undefined : nearestExisting(storage, parent);
}
