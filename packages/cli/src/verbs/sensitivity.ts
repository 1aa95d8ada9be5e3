import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues, countValue, numberValue } from "../option-values.js";
import { print, printJson } from "../print.js";
import { bitsValue } from "../read-bits.js";

/** `lowbit sensitivity DIR`: what each layer of a trained network loses when it alone is lowered. */
export function addSensitivityVerb(program: Command): void {
  program
    .command("sensitivity")
    .description("loss and accuracy of a trained network when the weights or inputs of one layer alone are lowered")
    .argument("<folder>", "a folder that train has written, of a network in full precision")
    .option("--quantizer <scheme>", "how values are quantized: lowbit list schemes", "lsq")
    .option(
      "--quantizer-option <name=value>",
      "what the scheme lets you decide, several times: observer=percentile:99.9 of uniform",
      collectValues,
      [],
    )
    .option(
      "--weight-bits <list>",
      "bits that the weights of each layer are tried at; none for none",
      bitsValue,
      [2, 4, 8],
    )
    .option("--input-bits <list>", "the same for what each layer reads", bitsValue, [2, 4, 8])
    .option("--outer-layers", "look at the first and the last layer too", false)
    .option("--data <name>", "score on another data set of the same shape")
    .option("--images <count>", "training images to fit scales with and to score on", countValue, 256)
    .option("--seed <number>", "draws them", numberValue, 0)
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (folder, options) => {
      const { runSensitivity, formatSensitivity } = await import("../run-sensitivity.js");
      const report = await runSensitivity(folder, options);
      if (options.json) printJson(report);
      else print(formatSensitivity(report));
    });
}
