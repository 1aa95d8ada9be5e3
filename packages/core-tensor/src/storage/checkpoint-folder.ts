import { ArgumentError, FileFormatError } from "../graph/errors.js";
import { joinPath } from "./disk.js";
import { hasErrno } from "./disk-error.js";
import { checkEntryName } from "./entry-name.js";
import { type JsonObject, type JsonValue, parseJson } from "./hostile-json.js";
import { sha256 } from "./sha256.js";
import { removeStrayTemporaries, type Storage } from "./storage.js";

// A folder that holds one generation of its parts, or during a commit two:
//
//   weights.generation-7.safetensors     parts: names carry the generation, content is never overwritten
//   optimiser.generation-7.safetensors
//   manifest.json                        format, generation, checksum of each part, state, checksum of itself
//
// Renaming the new manifest over the old one is the commit. Before it readers see the old generation whole, after it the new one.
// Parts of other generations are removed after the commit; what a crash left is removed by `removeUnreferenced` at the next start.

const MANIFEST = "manifest.json";
const FORMAT = "lowbit-generation";
const VERSION = 1;
const PART_FILE = /^.+\.generation-(\d{1,15})(\.[^.]+)?$/;

/** What one commit writes. */
export interface GenerationContent {
  /** By name, for example "weights.safetensors". */
  readonly parts: ReadonlyMap<string, Uint8Array>;
  /** Anything that JSON holds: what `JSON.stringify` leaves out or changes is not kept. */
  readonly state: object | string | number | boolean | null;
}

/** A committed generation, open for reading. */
export interface Generation {
  readonly generation: number;
  /** As it was committed. */
  readonly state: JsonValue;
  readonly partNames: readonly string[];
  /**
   * A part's bytes, after its length and SHA-256 were checked.
   * @throws {FileFormatError} names part and generation when the content is not what was committed, or there is no such part
   */
  part(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Bytes of the part on disk, as committed. */
  partBytes(name: string): number;
}

interface PartRecord {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface Manifest {
  readonly generation: number;
  readonly parts: ReadonlyMap<string, PartRecord>;
  readonly state: JsonValue;
}

/** "weights.safetensors" in generation 7 → "weights.generation-7.safetensors" */
function partFile(name: string, generation: number): string {
  const dot = name.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  return `${stem}.generation-${generation}${extension}`;
}

function partFileGeneration(file: string): number | undefined {
  const digits = PART_FILE.exec(file)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Commits a new generation of a folder, made where it is missing: after a crash or a failure at any moment the folder holds the
 * old generation or the new one, whole.
 *
 * @returns the number of the generation: one more than any that the folder has a trace of
 * @throws {ArgumentError} for a part whose name can't be a file's name
 * @throws {StorageError} when the disk refuses; what this call wrote is removed then
 */
export async function commitGeneration(
  storage: Storage,
  folder: string,
  { parts, state }: GenerationContent,
): Promise<number> {
  for (const name of parts.keys()) checkPartName(name);
  const madeFolder = await storage.makeFolder(folder);
  const written: string[] = [];
  let committing = false;
  try {
    const old = await readManifest(storage, folder);
    const traces = (await storage.list(folder)).map(({ name }) => partFileGeneration(name) ?? 0);
    const generation = Math.max(old?.generation ?? 0, ...traces) + 1;
    const records: [string, PartRecord][] = [];
    for (const [name, bytes] of parts) {
      const file = partFile(name, generation);
      written.push(file);
      await storage.writeNew(joinPath(folder, file), bytes);
      records.push([name, { file, bytes: bytes.length, sha256: await sha256(bytes) }]);
    }
    await storage.syncFolder(folder);
    const text = await formatManifest({ generation, parts: new Map(records), state });
    committing = true;
    await storage.writeAtomic(joinPath(folder, MANIFEST), text);
    // Committed. What can't be removed now is removed at the next start, so it is no failure of the commit.
    await removeUnreferenced(storage, folder).catch(() => undefined);
    return generation;
  } catch (error) {
    await removeFailedCommit(storage, folder, written, { committing, madeFolder });
    throw error;
  }
}

/** Best effort: takes back the parts of a commit that failed, unless the manifest that names them was renamed before the failure. */
async function removeFailedCommit(
  storage: Storage,
  folder: string,
  written: readonly string[],
  { committing, madeFolder }: { readonly committing: boolean; readonly madeFolder: boolean },
): Promise<void> {
  try {
    if (committing) {
      await removeUnreferenced(storage, folder); // asks the manifest which generation it is now
      return;
    }
    for (const file of written) await storage.remove(joinPath(folder, file)).catch(() => undefined);
    if (madeFolder) await storage.removeFolder(folder);
  } catch {
    // The first failure is the one to tell; the next start removes what is left.
  }
}

function checkPartName(name: string): void {
  try {
    checkEntryName(partFile(name, 1e9), "part");
  } catch (cause) {
    throw new ArgumentError(`a part can't be called ${JSON.stringify(name)}`, {
      op: "commitGeneration",
      got: name,
      cause,
    });
  }
  if (partFileGeneration(name) === undefined && name !== MANIFEST) return;
  throw new ArgumentError(`a part can't be called ${JSON.stringify(name)}: the folder uses that name itself`, {
    op: "commitGeneration",
    got: name,
  });
}

/**
 * Opens the committed generation of a folder; undefined where there is none. Writes nothing.
 *
 * @throws {FileFormatError} when there is a manifest and it is damaged
 */
export async function openGeneration(storage: Storage, folder: string): Promise<Generation | undefined> {
  const manifest = await readManifest(storage, folder);
  if (manifest === undefined) return undefined;
  const { generation, parts, state } = manifest;
  const recordOf = (name: string): PartRecord => {
    const record = parts.get(name);
    if (record) return record;
    throw new FileFormatError(`generation ${generation} has no part ${JSON.stringify(name)}`, {
      where: folder,
      want: [...parts.keys()].join(", "),
    });
  };
  return {
    generation,
    state,
    partNames: [...parts.keys()],
    partBytes: (name) => recordOf(name).bytes,
    async part(name) {
      const record = recordOf(name);
      const path = joinPath(folder, record.file);
      const refuse = (what: string, cause?: unknown): never => {
        throw new FileFormatError(`part ${JSON.stringify(name)} of generation ${generation} ${what}`, {
          where: path,
          cause,
        });
      };
      try {
        const bytes = await storage.read(path, { limit: Math.max(record.bytes, 1), followLink: false });
        if (bytes.length !== record.bytes) return refuse(`has ${bytes.length} bytes, ${record.bytes} were committed`);
        if ((await sha256(bytes)) !== record.sha256)
          return refuse("is damaged: its SHA-256 is not the one that was committed");
        return bytes;
      } catch (error) {
        if (hasErrno(error, "ENOENT")) return refuse("is missing", error);
        if ((error as { code?: string }).code === "LOWBIT_MEMORY")
          return refuse(`is longer than the ${record.bytes} bytes that were committed`, error);
        throw error;
      }
    },
  };
}

/**
 * Removes what no manifest refers to: parts of other generations and temporaries, the traces of a crash. For the start of a program
 * that writes the folder, never for a reader. Returns the names. A damaged manifest removes nothing and throws.
 */
export async function removeUnreferenced(storage: Storage, folder: string): Promise<string[]> {
  const removed = await removeStrayTemporaries(storage, folder);
  if (!(await storage.exists(folder))) return removed;
  const manifest = await readManifest(storage, folder);
  const referenced = new Set([...(manifest?.parts.values() ?? [])].map(({ file }) => file));
  for (const { name, kind } of await storage.list(folder)) {
    if (kind !== "file" || partFileGeneration(name) === undefined || referenced.has(name)) continue;
    await storage.remove(joinPath(folder, name));
    removed.push(name);
  }
  return removed;
}

/** The checksum covers the text without its own line's value, so that a flipped bit in the state is seen as well. */
async function formatManifest({
  generation,
  parts,
  state,
}: Omit<Manifest, "state"> & Pick<GenerationContent, "state">): Promise<string> {
  const body = { format: FORMAT, version: VERSION, generation, parts: nullObject(parts), state };
  const checksum = await sha256(new TextEncoder().encode(JSON.stringify(body)));
  return `${JSON.stringify({ ...body, checksum }, null, 2)}\n`;
}

function nullObject(map: ReadonlyMap<string, PartRecord>): Record<string, PartRecord> {
  const object: Record<string, PartRecord> = Object.create(null);
  for (const [name, record] of map) object[name] = record;
  return object;
}

async function readManifest(storage: Storage, folder: string): Promise<Manifest | undefined> {
  const path = joinPath(folder, MANIFEST);
  let bytes: Uint8Array;
  try {
    bytes = await storage.read(path, { limit: 16 * 2 ** 20, followLink: false });
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  const document = parseJson(bytes, { file: path });
  const refuse = (what: string): never => {
    throw new FileFormatError(`${MANIFEST} ${what}`, { where: path });
  };
  if (!isObject(document) || document.format !== FORMAT) return refuse(`is not of the format ${FORMAT}`);
  if (document.version !== VERSION)
    return refuse(`is of version ${JSON.stringify(document.version ?? null)}, this lowbit reads version ${VERSION}`);
  const { checksum, ...body } = document;
  if (checksum !== (await sha256(new TextEncoder().encode(JSON.stringify(body)))))
    return refuse("is damaged: its checksum does not match");
  const { generation, parts, state } = body;
  if (!isWhole(generation) || !isObject(parts) || state === undefined)
    return refuse("lacks a generation, parts or a state");
  const records = new Map<string, PartRecord>();
  for (const [name, record] of Object.entries(parts)) {
    if (!isObject(record)) return refuse(`describes the part ${JSON.stringify(name)} by something else than an object`);
    const { file, bytes: size, sha256: hash } = record;
    if (typeof file !== "string" || !isWhole(size) || typeof hash !== "string")
      return refuse(`lacks the file, bytes or sha256 of the part ${JSON.stringify(name)}`);
    records.set(name, { file: checkEntryName(file, path), bytes: size, sha256: hash });
  }
  return { generation, parts: records, state };
}

const isObject = (value: JsonValue): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);
const isWhole = (value: JsonValue): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
