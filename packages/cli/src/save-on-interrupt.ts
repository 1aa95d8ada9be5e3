import { InterruptedError } from "@lowbit/nn";
import { thisCommandWith } from "./command-name.js";
import { Interrupted, watchInterrupt } from "./interrupt.js";
import { note } from "./print.js";

/**
 * Runs a training into a folder so that Ctrl-C saves it: the signal stops it behind a step, and the line that goes on is printed.
 *
 * @throws {Interrupted} when it was stopped; what there was to say has been printed
 */
export async function saveOnInterrupt<Result>(
  out: string,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const interrupt = watchInterrupt({ onFirst: () => note("\nstopping after this step; Ctrl-C again ends at once") });
  try {
    return await run(interrupt.signal);
  } catch (error) {
    if (error instanceof InterruptedError) {
      note(`${error.message.split("\n")[0]}; saved in ${out}. Go on with:\n  ${thisCommandWith("--resume")}`);
      throw new Interrupted(error.message);
    }
    if (error instanceof Interrupted) note("interrupted before anything was written");
    throw error;
  } finally {
    interrupt.release();
  }
}
