import type { DistillationCallbacks, StageName } from "@lowbit/distill";
import { note, warn } from "./print.js";
import { startProgress } from "./progress.js";
import { trainingReporter } from "./training-reporter.js";

/** A reporter for each stage, under the stage's name. */
export function stageReporter({ show, engine }: Pick<Parameters<typeof trainingReporter>[0], "show" | "engine">): {
  callbacks: DistillationCallbacks;
  stop(): void;
} {
  let reporter: ReturnType<typeof trainingReporter> | undefined;
  let asking: ReturnType<typeof startProgress> | undefined;
  const stop = (): void => {
    reporter?.stop();
    asking?.stop();
    asking = undefined;
  };
  const names: Record<StageName, string> = {
    teacher: "teacher",
    "full-precision": "student in full precision",
    apprentice: "student",
  };
  const callbacks: DistillationCallbacks = {
    onStage: ({ name, index, count, epochs }) => {
      stop();
      if (count > 1) note(`stage ${index + 1} of ${count}: ${names[name]}`);
      reporter = trainingReporter({ label: names[name], epochs, show, engine });
    },
    onTeacher: (images, of) => {
      reporter?.stop();
      asking ??= startProgress("asking the teacher", of, { show });
      asking.update(images);
      if (images < of) return;
      asking.stop();
      asking = undefined;
    },
    onWarning: warn,
    onStart: (start) => reporter?.callbacks.onStart?.(start),
    onStep: (step) => reporter?.callbacks.onStep?.(step),
    onEpoch: (epoch, log) => reporter?.callbacks.onEpoch?.(epoch, log),
  };
  return { callbacks, stop };
}
