import { LowbitError } from "@lowbit/core-tensor";

/** The caller's signal ended the run. Exit code 130. Where there is a folder, it holds a checkpoint of the last step. */
export class InterruptedError extends LowbitError {
  /** The folder to resume from. */
  readonly folder: string | undefined;

  constructor(at: string, folder?: string) {
    super("InterruptedError", "LOWBIT_INTERRUPTED", `interrupted ${at}`, {
      where: folder,
      hint: folder === undefined ? undefined : "resume it: not a step is lost",
    });
    this.folder = folder;
  }
}
