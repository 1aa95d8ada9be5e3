import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { choiceOption, collectValues, countValue, numberValue } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit calibrate DIR --precision w4a4 --out DIR2`: a trained network in low precision, without training. */
export function addCalibrateVerb(program: Command): void {
  program
    .command("calibrate")
    .description(
      "lower a trained network without training it: fit scales, equalise layers, learn rounding, correct bias",
    )
    .argument("<folder>", "a folder that train has written, of a network in full precision")
    .option("--precision <wKaL>", "bits of weights and activations, such as w4a4")
    .option("--quantizer <scheme>", "how values are quantized: lowbit list schemes; lsq where absent")
    .option(
      "--quantizer-option <name=value>",
      "what the scheme lets you decide, several times: observer=percentile:99.9 of uniform",
      collectValues,
      [],
    )
    .option(
      "--override <layers=wKaL>",
      "other bits, fp32 or :scheme for the layers of a name or a pattern; the first match counts",
      collectValues,
      [],
    )
    .option("--config <file>", "precision, quantizer and overrides out of an experiment, as search writes one, instead")
    .option("--data <name>", "calibrate with and test on another data set of the same shape")
    .option("--images <count>", "training images to calibrate with", countValue, 256)
    .option("--seed <number>", "draws them, and the order in which rounding is learned", numberValue, 0)
    .addOption(
      choiceOption("--equalise <when>", "cross-layer equalisation: if-closer keeps it where the logits come closer", [
        "if-closer",
        "always",
        "never",
      ]).default("if-closer" as const),
    )
    .option("--no-learn-rounding", "round to the nearest level")
    .option("--no-correct-bias", "leave out bias correction")
    .option("--rounding-steps <count>", "steps that learn the rounding of a layer", countValue, 400)
    .option("--limit <images>", "test on the first so many images only", countValue)
    .option("--out <folder>", "where the lowered network goes: a new or an empty folder")
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--json", "print JSON, for programs", false)
    .action(async (folder, options) => {
      const { runCalibration, formatCalibration } = await import("../run-calibration.js");
      const { commandLineOf } = await import("../command-name.js");
      const calibration = await runCalibration(folder, options);
      if (options.json) printJson(calibration);
      else print(formatCalibration(calibration));
      note(`next: ${commandLineOf("convert", calibration.out, "--out", `${calibration.out}-packed`)}`);
    });
}
