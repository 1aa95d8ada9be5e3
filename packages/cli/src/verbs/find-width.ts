import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues, countValue, numberValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit find-width FILE.json --precision wKaL`: the smallest width at which a precision reaches the baseline. */
export function addFindWidthVerb(program: Command): void {
  program
    .command("find-width")
    .description("bisect for the smallest multiplier of width at which a precision is as good as an experiment's own")
    .argument("<file>", "the baseline, an experiment as JSON, usually in fp32; its schema: lowbit schema")
    .requiredOption("--precision <wKaL>", "what is made wider until it is as good, such as w2a2")
    .option("--from <multiplier>", "the smallest that may be the answer", numberValue, 1)
    .option("--to <multiplier>", "the largest", numberValue, 4)
    .option("--step <difference>", "between one and the next", numberValue, 0.25)
    .option("--seeds <count>", "trials of each multiplier; their means are compared", countValue, 3)
    .requiredOption("--out <folder>", "where results lie, a file for each trial: what is there does not run again")
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (file, { json, ...options }) => {
      const { runFindWidth, formatFoundWidth } = await import("../run-find-width.js");
      const report = await runFindWidth(file, options);
      if (json) printJson(report);
      else print(formatFoundWidth(report));
    });
}
