import { type Command, Option } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { choiceOption, collectValues, countValue } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit predict IMAGE`: the likeliest classes of a picture. */
export function addPredictVerb(program: Command): void {
  program
    .command("predict")
    .description(
      "the likeliest classes of a picture, by a packed resnet8 that comes along (clothes) or by your own network; or of a text",
    )
    .argument(
      "<image>",
      "a PNG or JPEG file; its middle is cut out, resized, and turned to grey if the network reads grey; a text file where it reads texts",
    )
    .option("--model <folder>", "a folder that train or convert has written")
    .option("--top <count>", "classes to print", countValue, 3)
    .addOption(
      choiceOption(
        "--invert <when>",
        "swap light and dark: auto does so for networks that learned light things on black, if the picture's border is light",
        ["auto", "yes", "no"],
      ).default("auto"),
    )
    .addOption(engineOptions.backend)
    .addOption(new Option("--threads <count>", "threads that compute").argParser(countValue).default(1))
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--json", "print JSON, for programs", false)
    .action(async (image, options) => {
      const { runPrediction, formatPrediction } = await import("../run-prediction.js");
      const prediction = await runPrediction(image, options);
      if (options.json) printJson(prediction);
      else print(formatPrediction(prediction));
      note(prediction.preparation);
    });
}
