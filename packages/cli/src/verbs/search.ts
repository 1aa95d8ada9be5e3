import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues, countValue, numberValue } from "../option-values.js";
import { note, print, printJson } from "../print.js";
import { bitsValue } from "../read-bits.js";

/** `lowbit search DIR --budget size=30kB`: bits for each layer that lose least within a budget. */
export function addSearchVerb(program: Command): void {
  program
    .command("search")
    .description("mixed precision: bits for each layer of a trained network that lose least within a budget")
    .argument("<folder>", "a folder that train has written, of a network in full precision")
    .option("--budget <kind=value>", "size=30kB (packed), cost=0.2 (of fp32) or bitops=200M; also as 0.1x of fp32")
    .option("--quantizer <scheme>", "how values are quantized: lowbit list schemes", "lsq")
    .option(
      "--quantizer-option <name=value>",
      "what the scheme lets you decide, several times: observer=percentile:99.9 of uniform",
      collectValues,
      [],
    )
    .option("--weight-bits <list>", "bits to choose from for weights", bitsValue, [2, 3, 4, 8])
    .option("--input-bits <list>", "bits to choose from for what layers read", bitsValue, [2, 4, 8])
    .option("--outer-layers", "choose for the first and the last layer too", false)
    .option("--candidates <count>", "points of the predicted front that are lowered and scored", countValue, 8)
    .option(
      "--recheck <count>",
      "calibrate the so many best as calibrate does and choose by that; without it candidates are scored with scales fitted and nothing else",
      countValue,
    )
    .option("--rounding-steps <count>", "of --recheck: steps that learn the rounding of a layer", countValue, 400)
    .option("--data <name>", "another data set of the same shape")
    .option("--images <count>", "training images to fit scales with and to score on", countValue, 256)
    .option("--seed <number>", "draws them", numberValue, 0)
    .option("--limit <images>", "test the choice on the first so many images only", countValue)
    .option("--out <file>", "write the choice as an experiment, for calibrate --config FILE and train FILE")
    .option("--report <file>", "also write a report: .md, or .html as one page with charts")
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (folder, options) => {
      const { runSearch } = await import("../run-search.js");
      const { commandLineOf } = await import("../command-name.js");
      const { report, text } = await runSearch(folder, options);
      if (options.json) printJson(report);
      else print(text);
      if (options.out !== undefined) {
        note(`next: ${commandLineOf("calibrate", folder, "--config", options.out, "--out", `${folder}-mixed`)}`);
      }
    });
}
