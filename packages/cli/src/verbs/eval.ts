import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues, countValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit eval DIR`: accuracy or perplexity, loss, speed, size and kernels of a trained or a packed network. */
export function addEvalVerb(program: Command): void {
  program
    .command("eval")
    .description("evaluate a network, trained or packed, on its test images or text")
    .argument("<folder>", "a folder that train or convert has written")
    .option("--data <name>", "another data set than it was trained on, of the same shape and classes, or another text")
    .option("--limit <images>", "the first so many test images or tokens only", countValue)
    .option(
      "--batch <images>",
      "images that are computed at once; a text is read in pieces of its own",
      countValue,
      100,
    )
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (folder, options) => {
      const { runEvaluation } = await import("../run-evaluation.js");
      const { figures, text } = await runEvaluation(folder, options);
      if (options.json) printJson(figures);
      else print(text);
    });
}
