import { ConfigurationError } from "@lowbit/core-tensor";
import type { Json, JsonRecord } from "../json.js";

/** All that decides how a run goes, as plain JSON: a run may only be resumed as what it was. */
export interface RunDescription {
  readonly model: { readonly name: string; readonly options: JsonRecord };
  /** What the caller knows beside: data fingerprint, seed, precision, quantizer, batch, augmentation … */
  readonly identity: JsonRecord;
  readonly optimiser: { readonly name: string; readonly options: JsonRecord };
  readonly schedule: { readonly name: string; readonly options: JsonRecord };
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Epochs at the end with batch norm frozen; 0 where absent. */
  readonly frozenBatchNormEpochs?: number;
}

/** The kernels that computed a run: other ones round differently. Threads are no part of it. */
export interface EngineDescription {
  readonly backend: string;
  readonly build: string;
}

/** Leaves by their path: { a: { b: 1 }, c: [{ d: 2 }] } → "a.b" → 1, "c[0].d" → 2; a list of other things than objects is a leaf. */
function leavesOf(value: Json, path: string, into: Map<string, Json>): Map<string, Json> {
  const isObject = (each: Json) => each !== null && typeof each === "object" && !Array.isArray(each);
  if (Array.isArray(value) && value.length > 0 && value.every(isObject)) {
    value.forEach((each, i) => leavesOf(each, `${path}[${i}]`, into));
  } else if (isObject(value)) {
    for (const [name, each] of Object.entries(value as JsonRecord)) {
      leavesOf(each, path === "" ? name : `${path}.${name}`, into);
    }
  } else if (value !== undefined) into.set(path, value);
  return into;
}

/** The fields in the caller's words: "seed", "model.width", "optimiser.momentum". */
function fieldsOf({ identity, model, optimiser, schedule, ...counts }: RunDescription): Map<string, Json> {
  const named = ({ name, options }: RunDescription["model"]): JsonRecord => ({ name, ...options });
  const fields = leavesOf(identity, "", new Map());
  const own = { model: named(model), optimiser: named(optimiser), schedule: named(schedule), ...counts };
  return leavesOf(own, "", fields);
}

/** Numbers as JSON writes them: −0 is 0, and lists compare by content. */
const textOf = (value: Json | undefined): string => (value === undefined ? "absent" : JSON.stringify(value));

/** Settings that two runs do not share: "overrides[0].precision was "w4a8" and is "w8a8"". */
export interface RunDifferences {
  /** One for each setting, in words. */
  readonly told: readonly string[];
  /** The settings as they were, and as they are. */
  readonly was: string;
  readonly is: string;
}

function differencesOf(before: ReadonlyMap<string, Json>, now: ReadonlyMap<string, Json>): RunDifferences | undefined {
  const names = [...new Set([...before.keys(), ...now.keys()])];
  const changed = names.filter((name) => textOf(before.get(name)) !== textOf(now.get(name)));
  if (changed.length === 0) return undefined;
  return {
    told: changed.map((name) => `${name} was ${textOf(before.get(name))} and is ${textOf(now.get(name))}`),
    was: changed.map((name) => `${name} ${textOf(before.get(name))}`).join(", "),
    is: changed.map((name) => `${name} ${textOf(now.get(name))}`).join(", "),
  };
}

/** What differs between two settings of anything, as plain JSON; undefined where nothing does. */
export function compareSettings(was: JsonRecord, is: JsonRecord): RunDifferences | undefined {
  return differencesOf(leavesOf(was, "", new Map()), leavesOf(is, "", new Map()));
}

/**
 * Refuses to go on with a run as something else than it was.
 *
 * @throws {ConfigurationError} names every field that differs, what it was and what it is
 */
export function checkSameRun(was: RunDescription, is: RunDescription, folder: string): void {
  const differences = differencesOf(fieldsOf(was), fieldsOf(is));
  if (!differences) return;
  throw new ConfigurationError(`this run can't be resumed as another: ${differences.told.slice(0, 3).join("; ")}`, {
    where: folder,
    want: differences.was,
    got: differences.is,
    hint: "the settings that the run began with, or another folder",
  });
}

/** @throws {ConfigurationError} when other kernels computed the run so far: the rest would not be bit for bit what it would have been */
export function checkSameEngine(was: EngineDescription, is: EngineDescription, folder: string): void {
  if (was.backend === is.backend && was.build === is.build) return;
  const tell = ({ backend, build }: EngineDescription) => `backend ${backend}, build ${build}`;
  throw new ConfigurationError(`this run was computed with ${tell(was)}, this engine is ${tell(is)}`, {
    where: folder,
    want: tell(was),
    got: tell(is),
    hint: "the same backend and build, or allow the change: the result will differ in its last bits",
  });
}
