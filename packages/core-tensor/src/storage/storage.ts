import { FileFormatError, StorageError } from "../graph/errors.js";
import {
  type Disk,
  type DiskFile,
  type EntryStatus,
  type FolderEntry,
  folderOf,
  joinPath,
  nameOf,
  type OpenMode,
} from "./disk.js";
import { toStorageError } from "./disk-error.js";
import { reserve } from "./reserve.js";

/** Limit of `read` unless told otherwise: 1 GiB. */
export const DEFAULT_READ_LIMIT = 2 ** 30;

const TEMPORARY_SUFFIX = ".lowbit-tmp";

/** Lines that a program adds to a file, and takes back on resuming: bytes after `offset` are not part of the log. */
export interface AppendLog {
  /** Bytes that were appended. */
  readonly offset: number;
  /** Writes after what is there. A failed append leaves `offset` as it was, and the next one writes over its remains. */
  append(content: string | Uint8Array): Promise<void>;
  /** Returns once all that was appended is on the medium. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The one door to files. Every failure is a StorageError that names the path, the reason and what helps; `error.got.errno` is the
 * error number ("ENOENT").
 */
export interface Storage {
  /**
   * The content of a regular file.
   * @param options.limit  the most bytes to take: 1 GiB by default; a larger file throws MemoryLimitError before anything is allocated
   * @param options.followLink  false refuses a symbolic link (true by default)
   */
  read(
    path: string,
    options?: { readonly limit?: number; readonly followLink?: boolean },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** `bytes` bytes of a file from `start` on; a FileFormatError where the file ends before. */
  readRange(
    path: string,
    range: { readonly start: number; readonly bytes: number; readonly limit?: number },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** What is there, links followed; undefined where there is nothing. */
  status(path: string): Promise<EntryStatus | undefined>;
  exists(path: string): Promise<boolean>;
  /** What is in a folder, by name in code-point order; links are told as links. */
  list(folder: string): Promise<FolderEntry[]>;
  /** Makes a folder and those above it that are missing; an existing one is fine. Returns whether it was made. */
  makeFolder(path: string): Promise<boolean>;
  /**
   * Writes a file whole or not at all: into a temporary file in the same folder, synced, renamed, the folder synced. On failure the
   * old content stays and the temporary is removed, if need be by `removeStrayTemporaries` at the next start.
   */
  writeAtomic(path: string, content: string | Uint8Array): Promise<void>;
  /** Writes and syncs a file that must not exist, not renamed: for names that nothing refers to yet. The folder is not synced. */
  writeNew(path: string, content: Uint8Array): Promise<void>;
  /** Opens a log for appending at `offset` (its end by default) and cuts off what lies after. */
  openLog(path: string, options?: { readonly offset?: number }): Promise<AppendLog>;
  rename(from: string, to: string): Promise<void>;
  remove(file: string): Promise<void>;
  removeFolder(emptyFolder: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

const encode = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content;

/** Storage over a disk. `uniqueName` makes the names of temporaries differ between processes. */
export function createStorage(disk: Disk, uniqueName: () => string): Storage {
  async function attempt<Result>(action: string, path: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw toStorageError(action, path, error);
    }
  }

  /** Opens, works and closes; the first of the failures counts. */
  async function withFile<Result>(
    path: string,
    mode: OpenMode,
    work: (file: DiskFile) => Promise<Result>,
  ): Promise<Result> {
    const file = await disk.open(path, mode);
    let result: Result;
    try {
      result = await work(file);
    } catch (error) {
      await file.close().catch(() => undefined); // the first failure is the one to tell
      throw error;
    }
    await file.close();
    return result;
  }

  async function readPart(
    file: DiskFile,
    path: string,
    start: number,
    bytes: number,
    limit: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const into = reserve(bytes, limit, path);
    for (let done = 0; done < bytes; ) {
      const count = await file.read(into.subarray(done), start + done);
      if (count === 0)
        throw new FileFormatError(`the file ends at byte ${start + done}, ${bytes - done} bytes too early`, {
          where: path,
        });
      done += count;
    }
    return into;
  }

  async function writeAll(file: DiskFile, content: Uint8Array, start: number): Promise<void> {
    for (let done = 0; done < content.length; ) {
      const count = await file.write(content.subarray(done), start + done);
      if (count === 0) throw Object.assign(new Error("nothing was written"), { code: "ENOSPC" });
      done += count;
    }
  }

  const requireRegular = (status: EntryStatus): EntryStatus => {
    if (status.kind === "file") return status;
    if (status.kind === "folder") throw Object.assign(new Error("a folder"), { code: "EISDIR" });
    throw Object.assign(new Error("a device, pipe or socket"), { code: "EINVAL" });
  };

  async function writeNewFile(path: string, content: Uint8Array): Promise<void> {
    let made = false;
    try {
      await withFile(path, "create", async (file) => {
        made = true;
        await writeAll(file, content, 0);
        await file.sync();
      });
    } catch (error) {
      if (made) await disk.remove(path).catch(() => undefined); // best effort: the next start removes what is left
      throw error;
    }
  }

  const storage: Storage = {
    read: (path, { limit = DEFAULT_READ_LIMIT, followLink = true } = {}) =>
      attempt("read", path, () =>
        withFile(path, followLink ? "read" : "readNoLink", async (file) =>
          readPart(file, path, 0, requireRegular(await file.status()).bytes, limit),
        ),
      ),
    readRange: (path, { start, bytes, limit = DEFAULT_READ_LIMIT }) =>
      attempt("read", path, () =>
        withFile(path, "read", async (file) => {
          const size = requireRegular(await file.status()).bytes;
          if (!Number.isSafeInteger(start) || start < 0 || !(bytes <= size - start))
            throw new FileFormatError(`bytes ${start} to ${start + bytes} lie outside the file of ${size} bytes`, {
              where: path,
            });
          return readPart(file, path, start, bytes, limit);
        }),
      ),
    status: (path) => attempt("look at", path, () => disk.status(path)),
    exists: async (path) => (await storage.status(path)) !== undefined,
    list: (folder) =>
      attempt("list", folder, async () => {
        const entries = await disk.list(folder);
        return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
      }),
    async makeFolder(path) {
      const status = await storage.status(path);
      if (status?.kind === "folder") return false;
      if (status !== undefined)
        throw new StorageError(`can't make the folder ${JSON.stringify(path)}: it is a file, not a folder (ENOTDIR)`, {
          where: path,
          got: { path, errno: "ENOTDIR" },
          hint: "choose another name, or remove the file",
        });
      const parent = folderOf(path);
      if (parent !== path) await storage.makeFolder(parent);
      return attempt("make the folder", path, async () => {
        await disk.makeFolder(path);
        await disk.syncFolder(parent);
        return true;
      });
    },
    writeAtomic: (path, content) =>
      attempt("write", path, async () => {
        const status = await disk.status(path);
        if (status !== undefined) requireRegular(status); // a rename would replace a device by a file
        const temporary = joinPath(folderOf(path), `.${nameOf(path).slice(0, 100)}.${uniqueName()}${TEMPORARY_SUFFIX}`);
        await writeNewFile(temporary, encode(content));
        try {
          await disk.rename(temporary, path);
        } catch (error) {
          await disk.remove(temporary).catch(() => undefined);
          throw error;
        }
        await disk.syncFolder(folderOf(path));
      }),
    writeNew: (path, content) => attempt("write", path, () => writeNewFile(path, content)),
    openLog: (path, { offset } = {}) =>
      attempt("open the log", path, async () => {
        const isNew = (await disk.status(path)) === undefined;
        const file = await disk.open(path, "update");
        try {
          const size = requireRegular(await file.status()).bytes;
          const start = offset ?? size;
          if (start > size)
            throw new FileFormatError(`the log has ${size} bytes, the checkpoint that goes with it knows of ${start}`, {
              where: path,
            });
          if (size > start) await file.truncate(start);
          if (isNew) await disk.syncFolder(folderOf(path));
          return createAppendLog(path, file, start);
        } catch (error) {
          await file.close().catch(() => undefined);
          throw error;
        }
      }),
    rename: (from, to) => attempt("rename", from, () => disk.rename(from, to)),
    remove: (file) => attempt("remove", file, () => disk.remove(file)),
    removeFolder: (folder) => attempt("remove the folder", folder, () => disk.removeFolder(folder)),
    syncFolder: (path) => attempt("sync the folder", path, () => disk.syncFolder(path)),
  };

  function createAppendLog(path: string, file: DiskFile, start: number): AppendLog {
    let offset = start;
    return {
      get offset() {
        return offset;
      },
      append: (content) =>
        attempt("write", path, async () => {
          const bytes = encode(content);
          await writeAll(file, bytes, offset);
          offset += bytes.length;
        }),
      sync: () => attempt("write", path, () => file.sync()),
      close: () => attempt("write", path, () => file.close()),
    };
  }

  return storage;
}

/** Removes what interrupted writes left in a folder; returns the names. A missing folder has none. */
export async function removeStrayTemporaries(storage: Storage, folder: string): Promise<string[]> {
  if ((await storage.status(folder))?.kind !== "folder") return [];
  const removed: string[] = [];
  for (const { name, kind } of await storage.list(folder)) {
    if (kind !== "file" || !name.startsWith(".") || !name.endsWith(TEMPORARY_SUFFIX)) continue;
    await storage.remove(joinPath(folder, name));
    removed.push(name);
  }
  return removed;
}
