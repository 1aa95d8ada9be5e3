import type { Command } from "@commander-js/extra-typings";
import { choiceOption, countValue, numberValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit memory --model NAME`: activations, weights and gradients by WRPN's formula. */
export function addMemoryVerb(program: Command): void {
  program
    .command("memory")
    .description("bytes of activations, weights and gradients in training or inference, by WRPN's formula")
    .requiredOption("--model <name>", "a built-in model")
    .option("--batch <images>", "images that are computed at once", countValue, 1)
    .addOption(choiceOption("--phase <name>", "what for", ["training", "inference"]).default("training"))
    .option("--width <factor>", "multiplies the channels of every layer", numberValue, 1)
    .option(
      "--first-layer-width <factor>",
      "the same for the first layer; as --width unless told otherwise",
      numberValue,
    )
    .option("--precision <wKaL>", "bits of weights and activations, for example w4a8", "fp32")
    .option("--input <C,H,W>", "channels, height and width of its images; those it was made for unless told otherwise")
    .option("--classes <count>", "its classes; 10, or 1000 for ImageNet, unless told otherwise", countValue)
    .option("--json", "print JSON, for programs", false)
    .action(async ({ json, ...options }) => {
      const { runMemory, formatMemory } = await import("../run-memory.js");
      const report = runMemory(options);
      if (json) printJson(report);
      else print(formatMemory(report));
    });
}
