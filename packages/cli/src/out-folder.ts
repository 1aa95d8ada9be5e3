import { ArgumentError, StorageError } from "@lowbit/core-tensor";
import { joinPath, removeUnreferenced, type Storage } from "@lowbit/core-tensor/storage";

/**
 * Looks at the folder that a verb is to write, and writes nothing: it may be missing or empty, or hold a run to resume. What a
 * killed process left of a write that it never finished does not count, and is removed.
 *
 * @throws {ArgumentError} when it is not empty
 * @throws {StorageError} when there can't be a folder of that name
 */
export async function checkOutFolder(
  storage: Storage,
  folder: string | undefined,
  { resume = false }: { readonly resume?: boolean } = {},
): Promise<void> {
  const want = "a folder that is empty or does not exist yet";
  if (!folder) throw new ArgumentError("--out is missing", { want: `--out FOLDER, ${want}` });
  const where = `--out ${folder}`;
  const status = await storage.status(folder);
  if (status === undefined) return;
  if (status.kind !== "folder") {
    const got = { path: folder, errno: "ENOTDIR" };
    throw new StorageError(`${JSON.stringify(folder)} is a file, not a folder`, {
      where,
      want,
      got,
      hint: "another name",
    });
  }
  if (resume) return;
  const holdsRun =
    (await storage.exists(joinPath(folder, "manifest.json"))) || (await storage.exists(joinPath(folder, "stages")));
  if (!holdsRun) await removeUnreferenced(storage, folder);
  if ((await storage.list(folder)).length === 0) return;
  const hint = holdsRun ? "--resume to go on with the run in it, or another folder" : "another folder";
  throw new ArgumentError(`the folder ${JSON.stringify(folder)} is not empty`, { where, want, hint });
}
