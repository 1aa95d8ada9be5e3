import type { Command } from "@commander-js/extra-typings";
import { collectValues, countValue, numberValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit advise --model NAME --budget cost=0.5`: which widths and precisions fit, ranked. */
export function addAdviseVerb(program: Command): void {
  program
    .command("advise")
    .description("pairs of width and precision within a budget, by measured accuracy where there is one, else by cost")
    .requiredOption("--model <name>", "a built-in model")
    .option(
      "--budget <kind=value>",
      "cost=0.5, size=300kB or memory=64MB; several times for all at once",
      collectValues,
      [],
    )
    .option("--study <folder>", "measured accuracies, as lowbit study writes them", collectValues, [])
    .option("--data <name>", "the data set of the study, where it has several")
    .option("--base-width <factor>", "the width that counts as 1x: 0.25 in the study wrpn", numberValue, 1)
    .option("--batch <images>", "of the memory budget", countValue, 1)
    .option("--first-layer-width <factor>", "of all pairs; as their width unless told otherwise", numberValue)
    .option("--input <C,H,W>", "channels, height and width of its images; those it was made for unless told otherwise")
    .option("--classes <count>", "its classes; 10, or 1000 for ImageNet, unless told otherwise", countValue)
    .option("--limit <pairs>", "print the first so many only", countValue)
    .option("--json", "print JSON, for programs", false)
    .action(async ({ json, ...options }) => {
      const { runAdvice, formatAdvice } = await import("../run-advice.js");
      const report = await runAdvice(options);
      if (json) printJson(report);
      else print(formatAdvice(report));
    });
}
