import type { Command } from "@commander-js/extra-typings";
import { choiceArgument } from "../option-values.js";
import { printJson } from "../print.js";

/** `lowbit schema [VERB]`: the JSON Schema of what `lowbit train FILE.json` reads, or `lowbit distill FILE.json`. */
export function addSchemaVerb(program: Command): void {
  program
    .command("schema")
    .description("the JSON Schema of an experiment file, for editors and programs")
    .addArgument(choiceArgument("[verb]", "whose experiments: train or distill", ["train", "distill"]).default("train"))
    .option("--json", "JSON it is in any case", false)
    .action(async (verb) => {
      const { experimentJsonSchema } = await import("../text-experiment.js");
      const { distillationJsonSchema } = await import("../distillation.js");
      printJson(verb === "distill" ? distillationJsonSchema() : experimentJsonSchema());
    });
}
