import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit convert DIR --out DIR2`: packs a trained network, for integer kernels. */
export function addConvertVerb(program: Command): void {
  program
    .command("convert")
    .description("pack a trained network: low-bit codes and integer kernels, with the same logits")
    .argument("<folder>", "a folder that train has written")
    .option("--out <folder>", "where the packed network goes: a new or an empty folder")
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--json", "print JSON, for programs", false)
    .action(async (folder, options) => {
      const { runConversion, formatConversion } = await import("../run-conversion.js");
      const { commandLineOf } = await import("../command-name.js");
      const conversion = await runConversion(folder, options);
      if (options.json) printJson(conversion);
      else print(formatConversion(conversion));
      note(`next: ${commandLineOf("eval", conversion.out)}`);
    });
}
