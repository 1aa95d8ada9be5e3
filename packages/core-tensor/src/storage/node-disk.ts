import { constants, type Dirent, type Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rmdir, stat, unlink } from "node:fs/promises";
import type { Disk, DiskFile, EntryKind, EntryStatus, OpenMode } from "./disk.js";

// O_NONBLOCK: opening a pipe returns at once instead of waiting for a writer; it changes nothing for files.
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: READ,
  readNoLink: READ | (constants.O_NOFOLLOW ?? 0),
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  update: constants.O_RDWR | constants.O_CREAT,
};

function kindOf(entry: Stats | Dirent): EntryKind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "other";
}

const statusOf = (stats: Stats): EntryStatus => ({ kind: kindOf(stats), bytes: stats.size });

const isErrno = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as { code?: string }).code ?? "");

function nodeFile(handle: FileHandle): DiskFile {
  return {
    status: async () => statusOf(await handle.stat()),
    read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
    write: async (bytes, position) => (await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
    truncate: (bytes) => handle.truncate(bytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

/** The disk of this machine, through Node. */
export function createNodeDisk(): Disk {
  return {
    async open(path, mode) {
      // Windows has no O_NOFOLLOW: look before opening.
      if (mode === "readNoLink" && constants.O_NOFOLLOW === undefined && (await lstat(path)).isSymbolicLink())
        throw Object.assign(new Error(`ELOOP: a symbolic link, ${path}`), { code: "ELOOP" });
      return nodeFile(await open(path, FLAGS[mode], 0o666));
    },
    async status(path) {
      try {
        return statusOf(await stat(path));
      } catch (error) {
        if (isErrno(error, "ENOENT")) return undefined;
        throw error;
      }
    },
    list: async (folder) =>
      (await readdir(folder, { withFileTypes: true })).map((e) => ({ name: e.name, kind: kindOf(e) })),
    makeFolder: (path) => mkdir(path),
    rename: (from, to) => rename(from, to),
    remove: (file) => unlink(file),
    removeFolder: (emptyFolder) => rmdir(emptyFolder),
    async syncFolder(path) {
      if (constants.O_DIRECTORY === undefined) return; // Windows: a folder can't be opened, renames are journalled
      const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await handle.sync();
      } catch (error) {
        if (!isErrno(error, "EINVAL")) throw error; // some network file systems have no sync of folders
      } finally {
        await handle.close();
      }
    },
  };
}
