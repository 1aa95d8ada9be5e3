import { type Disk, type DiskFile, type FolderEntry, folderOf, nameOf } from "./disk.js";

/** A disk that lives in memory: for browsers, and for tests. */
export interface MemoryDisk extends Disk {
  /** Every file by its path, copied. */
  files(): Map<string, Uint8Array>;
}

interface MemoryFile {
  bytes: Uint8Array;
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** One spelling for each path: no "." parts, no doubled or trailing separators. */
function normalise(path: string): string {
  const parts = path.split(/[/\\]+/).filter((part) => part !== "" && part !== ".");
  return (/^[/\\]/.test(path) ? "/" : "") + parts.join("/") || ".";
}

function openMemoryFile(file: MemoryFile): DiskFile {
  return {
    status: async () => ({ kind: "file", bytes: file.bytes.length }),
    async read(into, position) {
      const part = file.bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    async write(bytes, position) {
      if (position + bytes.length > file.bytes.length) {
        const grown = new Uint8Array(position + bytes.length);
        grown.set(file.bytes);
        file.bytes = grown;
      }
      file.bytes.set(bytes, position);
      return bytes.length;
    },
    async truncate(bytes) {
      const cut = new Uint8Array(bytes);
      cut.set(file.bytes.subarray(0, bytes));
      file.bytes = cut;
    },
    sync: async () => undefined,
    close: async () => undefined,
  };
}

/** An empty disk in memory, or one that holds `initial` (path → content); the folders of those paths exist. */
export function createMemoryDisk(initial: ReadonlyMap<string, Uint8Array> = new Map()): MemoryDisk {
  const files = new Map<string, MemoryFile>();
  const folders = new Set<string>([".", "/"]);
  const addFolders = (path: string): void => {
    for (let folder = folderOf(path); !folders.has(folder); folder = folderOf(folder)) folders.add(folder);
  };
  for (const [path, bytes] of initial) {
    files.set(normalise(path), { bytes: bytes.slice() });
    addFolders(normalise(path));
  }
  const requireFolder = (path: string): void => {
    if (folders.has(path)) return;
    throw failure(files.has(path) ? "ENOTDIR" : "ENOENT", path);
  };
  const requireFile = (path: string): MemoryFile => {
    const file = files.get(path);
    if (file) return file;
    requireFolder(folderOf(path));
    throw failure(folders.has(path) ? "EISDIR" : "ENOENT", path);
  };

  return {
    files: () => new Map([...files].map(([path, file]) => [path, file.bytes.slice()])),
    async open(spelled, mode) {
      const path = normalise(spelled);
      if (mode === "read" || mode === "readNoLink") return openMemoryFile(requireFile(path));
      requireFolder(folderOf(path));
      if (folders.has(path)) throw failure("EISDIR", path);
      if (mode === "create" && files.has(path)) throw failure("EEXIST", path);
      const file = files.get(path) ?? { bytes: new Uint8Array(0) };
      files.set(path, file);
      return openMemoryFile(file);
    },
    async status(spelled) {
      const path = normalise(spelled);
      if (folders.has(path)) return { kind: "folder", bytes: 0 };
      const file = files.get(path);
      if (file) return { kind: "file", bytes: file.bytes.length };
      if (files.has(folderOf(path))) throw failure("ENOTDIR", path);
      return undefined;
    },
    async list(spelled) {
      const folder = normalise(spelled);
      requireFolder(folder);
      const inside = (path: string): boolean => path !== folder && folderOf(path) === folder;
      const entries: FolderEntry[] = [];
      for (const path of files.keys()) if (inside(path)) entries.push({ name: nameOf(path), kind: "file" });
      for (const path of folders)
        if (inside(path) && path !== "/") entries.push({ name: nameOf(path), kind: "folder" });
      return entries;
    },
    async makeFolder(spelled) {
      const path = normalise(spelled);
      requireFolder(folderOf(path));
      if (folders.has(path) || files.has(path)) throw failure("EEXIST", path);
      folders.add(path);
    },
    async rename(spelledFrom, spelledTo) {
      const [from, to] = [normalise(spelledFrom), normalise(spelledTo)];
      const file = requireFile(from);
      requireFolder(folderOf(to));
      if (folders.has(to)) throw failure("EISDIR", to);
      files.delete(from);
      files.set(to, file);
    },
    async remove(spelled) {
      const path = normalise(spelled);
      requireFile(path);
      files.delete(path);
    },
    async removeFolder(spelled) {
      const path = normalise(spelled);
      requireFolder(path);
      if ([...files.keys(), ...folders].some((entry) => entry !== path && folderOf(entry) === path))
        throw failure("ENOTEMPTY", path);
      folders.delete(path);
    },
    async syncFolder(spelled) {
      requireFolder(normalise(spelled));
    },
  };
}
