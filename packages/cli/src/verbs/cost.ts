import type { Command } from "@commander-js/extra-typings";
import { choiceOption, countValue, numberValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit cost --model NAME`: what one forward pass costs, layer by layer. */
export function addCostVerb(program: Command): void {
  program
    .command("cost")
    .description(
      "MACs, WRPN cost and weight bytes of one forward pass, per layer, relative to the network at 1x in fp32",
    )
    .requiredOption("--model <name>", "a built-in model; lstm, gru and vanilla are language models")
    .option("--hidden <units>", "of a language model, at 1x; 128 unless told otherwise", countValue)
    .option("--layers <count>", "of a language model; 1 unless told otherwise", countValue)
    .option("--vocabulary <tokens>", "of a language model; 64 unless told otherwise", countValue)
    .option("--width <factor>", "multiplies the channels of every layer", numberValue, 1)
    .option(
      "--first-layer-width <factor>",
      "the same for the first layer; as --width unless told otherwise",
      numberValue,
    )
    .option("--precision <wKaL>", "bits of weights and activations, for example w4a8", "fp32")
    .addOption(
      choiceOption("--convention <name>", "what layers in full precision cost", [
        "charged",
        "uniform",
        "quantized",
      ]).default("charged"),
    )
    .option("--input <C,H,W>", "channels, height and width of its images; those it was made for unless told otherwise")
    .option("--classes <count>", "its classes; 10, or 1000 for ImageNet, unless told otherwise", countValue)
    .option("--json", "print JSON, for programs", false)
    .action(async ({ json, ...options }) => {
      const { isTextExperiment } = await import("../text-experiment.js");
      if (isTextExperiment(options)) {
        const { runLanguageCost, formatLanguageCost } = await import("../run-language-cost.js");
        const found = await runLanguageCost(options);
        if (json) printJson(found);
        else print(formatLanguageCost(found));
        return;
      }
      const { runCost, formatCost } = await import("../run-cost.js");
      const report = runCost(options);
      if (json) printJson(report);
      else print(formatCost(report));
    });
}
