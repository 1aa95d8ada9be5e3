import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit study NAME`: the trials behind a claim, one after the other; those with a result are skipped. */
export function addStudyVerb(program: Command): void {
  program
    .command("study")
    .description("run the trials of a study that have no result yet, and judge its claims")
    .argument("<name>", "a study: lowbit list studies")
    .option("--out <folder>", "where results lie, a file for each trial: studies/NAME unless told otherwise")
    .option("--data-folder <folder>", "where the study's data set lies; where lowbit data fetch puts it unless told")
    .option("--only <text>", "trials alone whose name holds this text; may be given several times", collectValues, [])
    .option("--list", "run nothing: what is done, what is missing, what the claims look like", false)
    .option("--report <file>", "also write what there is as tables and charts: FILE.md, or FILE.html as one page")
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (name, { json, ...options }) => {
      const { runStudyVerb, formatStudy } = await import("../run-study.js");
      const state = await runStudyVerb(name, options);
      if (json) printJson(state);
      else print(formatStudy(state));
    });
}
