import { ConfigurationError, FileFormatError } from "@lowbit/core-tensor";
import { type JsonObject, joinPath, parseJson, type Storage } from "@lowbit/core-tensor/storage";
import { z } from "zod";
import type { FinishedTrial, Metric, Study, Trial, TrialResult } from "./define-study.js";

/** Who made a result: enough to make it again. */
export interface Provenance {
  readonly command: string;
  /** Of the sources; null where they are no repository. */
  readonly commit: string | null;
  readonly node: string;
  readonly backend: string;
  readonly threads: number;
}

export interface TrialRecord extends FinishedTrial {
  readonly seconds: number;
  readonly made: Provenance;
}

const recordSchema = z.strictObject({
  study: z.string(),
  version: z.int(),
  key: z.string(),
  configuration: z.record(z.string(), z.json()),
  result: z.record(z.string(), z.number()),
  seconds: z.number().min(0),
  made: z.strictObject({
    command: z.string(),
    commit: z.string().nullable(),
    node: z.string(),
    backend: z.string(),
    threads: z.int(),
  }),
});

interface StoredRecord extends TrialRecord {
  readonly study: string;
  readonly version: number;
}

const LARGEST_RECORD_BYTES = 2 ** 20;

const fileOf = (folder: string, key: string): string => joinPath(folder, `${key}.json`);

const isSame = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

/** JSON with the fields of every object in order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join()}}`;
}

async function readRecord(storage: Storage, file: string): Promise<StoredRecord> {
  const parsed = recordSchema.safeParse(parseJson(await storage.read(file, { limit: LARGEST_RECORD_BYTES }), { file }));
  if (parsed.success) return parsed.data as unknown as StoredRecord;
  const [{ path, message }] = parsed.error.issues;
  throw new FileFormatError("this is no record of a trial", { where: [file, ...path].join(", "), want: message });
}

/**
 * The record of a finished trial; undefined while there is none.
 *
 * @throws {FileFormatError} when the file is no record, or one that lacks what the study compares
 * @throws {ConfigurationError} when it is of another study, version or configuration: it would be counted for what it is not
 */
export async function readTrial(
  storage: Storage,
  folder: string,
  study: Pick<Study, "name" | "version" | "metric">,
  { key, configuration }: Trial,
): Promise<TrialRecord | undefined> {
  const file = fileOf(folder, key);
  if (!(await storage.exists(file))) return undefined;
  const { study: name, version, ...record } = await readRecord(storage, file);
  const stored = { study: name, version, key: record.key, configuration: record.configuration };
  const wanted = { study: study.name, version: study.version, key, configuration };
  if (!isSame(stored, wanted)) {
    throw new ConfigurationError(`the record of trial "${key}" is of something else`, {
      where: file,
      want: canonical(wanted),
      got: stored,
      hint: "another folder, or remove the file: the trial then runs again",
    });
  }
  checkMetric(record.result, study.metric, file);
  return record;
}

/** @throws {FileFormatError} for a result without the measurement that a study compares */
function checkMetric(result: TrialResult, { name }: Metric, where: string): void {
  if (Number.isFinite(result[name])) return;
  throw new FileFormatError(`this trial has not measured ${name}`, { where, want: `result.${name}, a number` });
}

/**
 * Every record of a folder, whatever study it is of, in the order of their keys. What does not end in .json is passed over.
 *
 * @throws {FileFormatError} for a .json file that is no record
 * @throws {StorageError} when there is no such folder
 */
export async function readTrials(storage: Storage, folder: string): Promise<TrialRecord[]> {
  const entries = await storage.list(folder);
  const names = entries.filter(({ kind, name }) => kind === "file" && name.endsWith(".json")).map(({ name }) => name);
  return Promise.all(names.sort().map((name) => readRecord(storage, joinPath(folder, name))));
}

/** Writes the record of a trial, whole or not at all. */
export async function writeTrial(
  storage: Storage,
  folder: string,
  { name, version }: Pick<Study, "name" | "version">,
  record: TrialRecord,
): Promise<void> {
  const { key, configuration, result, seconds, made } = record;
  const document: { [name: string]: string | number | JsonObject | TrialResult | Provenance } = {
    ...{ study: name, version, key, configuration, result, seconds, made },
  };
  await storage.writeAtomic(fileOf(folder, key), `${JSON.stringify(document, undefined, 2)}\n`);
}
