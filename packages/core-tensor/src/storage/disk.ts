/** What a path leads to. A link is told only where links are not followed. */
export type EntryKind = "file" | "folder" | "link" | "other";

export interface EntryStatus {
  readonly kind: EntryKind;
  readonly bytes: number;
}

export interface FolderEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

/**
 * How a file is opened: `read`; `create` a file that must not exist; `update` a file, made where it is missing; `readNoLink`
 * reads, and fails where the last part of the path is a symbolic link.
 */
export type OpenMode = "read" | "readNoLink" | "create" | "update";

/** An open file. Reads and writes may do less than asked: the count tells. */
export interface DiskFile {
  status(): Promise<EntryStatus>;
  read(into: Uint8Array, position: number): Promise<number>;
  write(bytes: Uint8Array, position: number): Promise<number>;
  truncate(bytes: number): Promise<void>;
  /** Returns once what was written is on the medium. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The calls that an operating system offers, each one thing that can fail, be interrupted or be recorded by itself. Storage is
 * built on these; faults, records and the disk in memory are other implementations. Failures carry `code`, as in Node ("ENOSPC").
 */
export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Follows links; undefined where there is nothing. */
  status(path: string): Promise<EntryStatus | undefined>;
  /** Does not follow links; in no order. */
  list(folder: string): Promise<FolderEntry[]>;
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(file: string): Promise<void>;
  removeFolder(emptyFolder: string): Promise<void>;
  /** Returns once the names in a folder are on the medium. */
  syncFolder(path: string): Promise<void>;
}

/** The folder part of a path: "." where it has none. Takes both separators, since Windows does. */
export function folderOf(path: string): string {
  const trimmed = path.replace(/(?<=[^/\\])[/\\]+$/, "");
  const cut = Math.max(trimmed.lastIndexOf("/"), trimmed.lastIndexOf("\\"));
  if (cut < 0) return ".";
  return cut === 0 ? trimmed[0] : trimmed.slice(0, cut);
}

/** The last part of a path. */
export function nameOf(path: string): string {
  const trimmed = path.replace(/[/\\]+$/, "");
  return trimmed.slice(Math.max(trimmed.lastIndexOf("/"), trimmed.lastIndexOf("\\")) + 1);
}

/** A path inside a folder. Names that come from files go through `checkEntryName` first. */
export function joinPath(folder: string, name: string): string {
  return /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}
