import { ConfigurationError, type Engine } from "@lowbit/core-tensor";
import {
  type AppendLog,
  commitGeneration,
  joinPath,
  openGeneration,
  removeUnreferenced,
  type Storage,
} from "@lowbit/core-tensor/storage";
import type { Json, JsonRecord } from "../json.js";
import { type Progress, startOfRun } from "../training/progress.js";
import type { TrainingStep } from "../training/training-step.js";
import { type CheckpointState, formatState, parseState } from "./checkpoint-state.js";
import { OPTIMISER_PART, readTensors, WEIGHTS_PART } from "./load-checkpoint.js";
import { checkSameEngine, checkSameRun, type RunDescription } from "./run-description.js";
import { packVariables, restoreVariables } from "./variables-part.js";

/** Where and how often a run is saved. */
export interface CheckpointOptions {
  readonly storage: Storage;
  readonly folder: string;
  /** A checkpoint at least this often, beside those at each epoch's end; 10 where absent. */
  readonly everySeconds?: number;
  /** What decides the run beside model, optimiser, schedule and epochs: data fingerprint, seed, precision, batch … */
  readonly identity?: JsonRecord;
  /** Goes on with the run that the folder holds; from the beginning where it holds none. Without it the folder must be empty. */
  readonly resume?: boolean;
  /** Lets a run go on with another backend or build; its result then differs in the last bits. */
  readonly allowBuildChange?: boolean;
}

/** How a run began: anew, where a checkpoint left it, or not at all because it was over. */
export type Start = "fresh" | "resumed" | "finished";

const LOG = "log.jsonl";

type StepVariables = Pick<TrainingStep, "modelVariables" | "optimiserVariables" | "furtherVariables">;

/** Which variables a checkpoint holds, by the part that they are in. */
function partsOf({ modelVariables, optimiserVariables, furtherVariables }: StepVariables) {
  const further = [...(furtherVariables ?? [])].map(([name, variables]) => [`${name}.safetensors`, variables] as const);
  return new Map([[WEIGHTS_PART, modelVariables], [OPTIMISER_PART, optimiserVariables], ...further]);
}

/** The folder of one run while it is written: checkpoints, and the log that goes with them. */
export class TrainingFolder {
  private readonly pending: string[] = [];
  private savedAt = performance.now();
  private log: AppendLog | undefined;

  private constructor(
    private readonly options: CheckpointOptions,
    private readonly run: RunDescription,
    private readonly engine: Engine,
    private readonly step: StepVariables,
  ) {}

  /**
   * Opens the folder, restores what it holds into the engine, and writes a first checkpoint of a fresh run, so that a disk
   * that refuses is found before the work.
   */
  static async open(
    options: CheckpointOptions,
    run: RunDescription,
    { engine, step }: { readonly engine: Engine; readonly step: StepVariables },
  ): Promise<{ folder: TrainingFolder; start: Start; progress: Progress; scheduleState: Json }> {
    const { storage, folder: path } = options;
    const folder = new TrainingFolder(options, run, engine, step);
    if (!options.resume) await refuseNonEmpty(storage, path);
    else await removeUnreferenced(storage, path);
    const saved = await folder.restore();
    if (saved?.finished) return { ...saved, folder, start: "finished" };
    if (!saved) await folder.commit({ progress: startOfRun, scheduleState: null, finished: false }, 0);
    folder.log = await storage.openLog(joinPath(path, LOG), { offset: saved?.logBytes ?? 0 });
    folder.savedAt = performance.now();
    if (saved) return { ...saved, folder, start: "resumed" };
    return { folder, start: "fresh", progress: startOfRun, scheduleState: null };
  }

  get path(): string {
    return this.options.folder;
  }

  get isDue(): boolean {
    return performance.now() - this.savedAt >= (this.options.everySeconds ?? 10) * 1000;
  }

  /** A line of the log; it reaches the disk with the next checkpoint. Nothing in it may depend on time. */
  note(line: JsonRecord): void {
    this.pending.push(`${JSON.stringify(line)}\n`);
  }

  /** The log first, then the checkpoint that knows how long it is: lines after that are cut off on resuming. */
  async save(state: Pick<CheckpointState, "progress" | "scheduleState" | "finished">): Promise<void> {
    const log = this.log as AppendLog;
    if (this.pending.length > 0) {
      await log.append(this.pending.join(""));
      this.pending.length = 0;
      await log.sync();
    }
    await this.commit(state, log.offset);
    this.savedAt = performance.now();
  }

  async close(): Promise<void> {
    await this.log?.close();
    this.log = undefined;
  }

  private async commit(
    state: Pick<CheckpointState, "progress" | "scheduleState" | "finished">,
    logBytes: number,
  ): Promise<void> {
    const { engine, step, run } = this;
    const { backend } = engine;
    const parts = new Map<string, Uint8Array>();
    for (const [part, variables] of partsOf(step)) parts.set(part, await packVariables(engine, variables));
    const described = { backend: backend.name, build: backend.build };
    const content = formatState({ run, engine: described, logBytes, ...state });
    await commitGeneration(this.options.storage, this.options.folder, { parts, state: content });
  }

  private async restore(): Promise<CheckpointState | undefined> {
    const { storage, folder, allowBuildChange } = this.options;
    const generation = await openGeneration(storage, folder);
    if (!generation) return undefined;
    const state = parseState(generation.state, folder);
    checkSameRun(state.run, this.run, folder);
    const { name, build } = this.engine.backend;
    if (!allowBuildChange && !state.finished) checkSameEngine(state.engine, { backend: name, build }, folder);
    for (const [part, variables] of partsOf(this.step)) {
      const tensors = await readTensors(generation, part, folder);
      await restoreVariables(this.engine, variables, tensors, `${folder}/${part}`);
    }
    return state;
  }
}

async function refuseNonEmpty(storage: Storage, folder: string): Promise<void> {
  const status = await storage.status(folder);
  if (status === undefined) return;
  if (status.kind === "folder" && (await storage.list(folder)).length === 0) return;
  throw new ConfigurationError(
    status.kind === "folder" ? "the folder for this run is not empty" : "the folder for this run is a file",
    {
      where: folder,
      want: "an empty folder, or one that does not exist yet",
      hint: "resume the run in it, or name another folder",
    },
  );
}
