import { FileFormatError } from "@lowbit/core-tensor";
import type { JsonObject, JsonValue } from "@lowbit/core-tensor/storage";
import type { Json, JsonRecord } from "../json.js";
import type { EpochReport, EpochSums, LossTerms, Progress } from "../training/progress.js";
import type { EngineDescription, RunDescription } from "./run-description.js";

/** Says what a folder's manifest is about: a training run, latent weights and all. */
export const TRAINING_KIND = "training";
const VERSION = 1;

/** The manifest's state: with the tensors, all that resuming needs. */
export interface CheckpointState {
  readonly run: RunDescription;
  readonly engine: EngineDescription;
  readonly progress: Progress;
  /** Of a schedule that listens; null for others. */
  readonly scheduleState: Json;
  /** Bytes of the log that belong to this checkpoint. */
  readonly logBytes: number;
  /** The run is over: `progress.lastEpoch` is its result. */
  readonly finished: boolean;
}

export function formatState({ run, ...rest }: CheckpointState): object {
  return { kind: TRAINING_KIND, version: VERSION, ...run, ...rest };
}

/** Reads fields of JSON that nobody vouches for; every failure names the field and the file. */
class FieldReader {
  constructor(
    private readonly object: JsonObject,
    private readonly path: string,
    private readonly folder: string,
  ) {}

  fail(name: string, want: string): never {
    const field = this.path === "" ? name : `${this.path}.${name}`;
    throw new FileFormatError(`the manifest's ${field} is not ${want}`, { where: `${this.folder}: ${field}`, want });
  }

  value(name: string): JsonValue {
    return Object.hasOwn(this.object, name) ? this.object[name] : null;
  }

  record(name: string): JsonObject {
    const value = this.value(name);
    return isObject(value) ? value : this.fail(name, "an object");
  }

  fields(name: string): FieldReader {
    return new FieldReader(this.record(name), this.path === "" ? name : `${this.path}.${name}`, this.folder);
  }

  text(name: string): string {
    const value = this.value(name);
    return typeof value === "string" ? value : this.fail(name, "a text");
  }

  truth(name: string): boolean {
    const value = this.value(name);
    return typeof value === "boolean" ? value : this.fail(name, "true or false");
  }

  number(name: string): number {
    const value = this.value(name);
    return typeof value === "number" ? value : this.fail(name, "a number");
  }

  whole(name: string): number {
    const value = this.value(name);
    return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : this.fail(name, "a whole number from 0");
  }

  isNull(name: string): boolean {
    return this.value(name) === null;
  }
}

const isObject = (value: JsonValue): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);

const readNamed = (fields: FieldReader): { name: string; options: JsonRecord } => ({
  name: fields.text("name"),
  options: fields.record("options"),
});

/** Absent of runs whose loss is one number. */
function readTerms(fields: FieldReader): { terms?: LossTerms } {
  if (fields.isNull("terms")) return {};
  const terms = fields.fields("terms");
  return { terms: Object.fromEntries(Object.keys(fields.record("terms")).map((name) => [name, terms.number(name)])) };
}

function readSums(fields: FieldReader): EpochSums {
  return {
    ...{ images: fields.whole("images"), correct: fields.whole("correct"), loss: fields.number("loss") },
    ...readTerms(fields),
  };
}

function readEpoch(fields: FieldReader): EpochReport {
  const evaluation = fields.isNull("evaluation") ? null : fields.fields("evaluation");
  return {
    epoch: fields.whole("epoch"),
    step: fields.whole("step"),
    loss: fields.number("loss"),
    accuracy: fields.number("accuracy"),
    ...readTerms(fields),
    evaluation: evaluation && {
      accuracy: evaluation.number("accuracy"),
      top5: evaluation.number("top5"),
      loss: evaluation.number("loss"),
      images: evaluation.whole("images"),
    },
  };
}

function readProgress(fields: FieldReader): Progress {
  const position = fields.fields("position");
  return {
    position: { epoch: position.whole("epoch"), cursor: position.whole("cursor") },
    step: fields.whole("step"),
    epochsDone: fields.whole("epochsDone"),
    sums: readSums(fields.fields("sums")),
    lastEpoch: fields.isNull("lastEpoch") ? null : readEpoch(fields.fields("lastEpoch")),
  };
}

/** @throws {FileFormatError} names the field that is missing or makes no sense */
export function parseState(state: JsonValue, folder: string): CheckpointState {
  if (!isObject(state) || state.kind !== TRAINING_KIND) {
    const kind = isObject(state) && typeof state.kind === "string" ? state.kind.slice(0, 50) : "something else";
    throw new FileFormatError(`this folder holds no training run, its kind is "${kind}"`, {
      where: folder,
      want: `kind "${TRAINING_KIND}"`,
    });
  }
  const fields = new FieldReader(state, "", folder);
  if (fields.whole("version") !== VERSION) fields.fail("version", `${VERSION}, the one that this lowbit reads`);
  const engine = fields.fields("engine");
  const finished = fields.truth("finished");
  const progress = readProgress(fields.fields("progress"));
  if (finished && progress.lastEpoch === null) fields.fail("progress.lastEpoch", "the report of a finished run");
  return {
    run: {
      model: readNamed(fields.fields("model")),
      identity: fields.record("identity"),
      optimiser: readNamed(fields.fields("optimiser")),
      schedule: readNamed(fields.fields("schedule")),
      epochs: fields.whole("epochs"),
      stepsPerEpoch: fields.whole("stepsPerEpoch"),
      ...(!fields.isNull("frozenBatchNormEpochs") && {
        frozenBatchNormEpochs: fields.whole("frozenBatchNormEpochs"),
      }),
    },
    engine: { backend: engine.text("backend"), build: engine.text("build") },
    progress,
    scheduleState: fields.value("scheduleState"),
    logBytes: fields.whole("logBytes"),
    finished,
  };
}
