import { LowbitError, StorageError } from "../graph/errors.js";

/** What an error number means to a person, and what helps. */
const MEANINGS: ReadonlyMap<string, { readonly says: string; readonly hint?: string }> = new Map([
  ["ENOENT", { says: "there is no such file or folder" }],
  ["EISDIR", { says: "it is a folder, not a file" }],
  ["ENOTDIR", { says: "it, or a part of its path, is a file, not a folder" }],
  ["EEXIST", { says: "it exists already" }],
  ["ENOTEMPTY", { says: "the folder is not empty" }],
  ["EACCES", { says: "permission denied", hint: "choose a folder that you own, or change its permissions" }],
  ["EPERM", { says: "permission denied", hint: "choose a folder that you own, or change its permissions" }],
  ["ENOSPC", { says: "the disk is full", hint: "free some space, or choose a folder on another disk" }],
  ["EDQUOT", { says: "your disk quota is used up", hint: "free some space, or choose a folder on another disk" }],
  ["EFBIG", { says: "the file would be larger than it may be here", hint: "raise the limit with ulimit -f" }],
  ["EROFS", { says: "the file system is read-only", hint: "choose a folder on a disk that can be written" }],
  ["EMFILE", { says: "too many files are open in this process", hint: "raise the limit with ulimit -n" }],
  ["ENFILE", { says: "too many files are open on this machine", hint: "close other programs" }],
  ["EIO", { says: "the disk reported a failure", hint: "check the disk; copy what matters to another one" }],
  ["ELOOP", { says: "it is a symbolic link, or a circle of them", hint: "put the file itself there" }],
  ["ENAMETOOLONG", { says: "the name is too long" }],
  ["ERR_INVALID_ARG_VALUE", { says: "the name holds a character that no path can hold" }],
]);

/**
 * The StorageError for what a disk threw: says which action on which path failed and what the error number means.
 * `error.got` is `{ path, errno }`. Errors of our own pass through as they are.
 */
export function toStorageError(action: string, path: string, error: unknown): LowbitError {
  if (error instanceof LowbitError) return error;
  const errno = (error as { code?: unknown } | null)?.code;
  if (typeof errno !== "string") throw error; // a bug of ours, not of the disk
  const meaning = MEANINGS.get(errno);
  return new StorageError(
    `can't ${action} ${JSON.stringify(path)}: ${meaning?.says ?? "the system refused"} (${errno})`,
    {
      op: action,
      where: path,
      got: { path, errno },
      hint: meaning?.hint,
      cause: error,
    },
  );
}

/** Whether an error is the StorageError of one of these error numbers: `hasErrno(error, "ENOENT")`. */
export function hasErrno(error: unknown, ...errnos: string[]): boolean {
  return error instanceof StorageError && errnos.includes((error.got as { errno?: string } | undefined)?.errno ?? "");
}
