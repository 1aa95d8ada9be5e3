import type { Command } from "@commander-js/extra-typings";
import { choiceArgument, collectValues } from "../option-values.js";
import { print, printJson } from "../print.js";

const kinds = ["quantizers", "schemes", "models", "datasets", "studies"] as const;

/** `lowbit list KIND`: what the other verbs know by name. */
export function addListVerb(program: Command): void {
  program
    .command("list")
    .description("what can be named: quantizers, schemes, models, datasets or studies")
    .addArgument(choiceArgument("<kind>", "what to list", kinds))
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--json", "print JSON, for programs", false)
    .action(async (kind, { plugin, json }) => {
      const { listKnown } = await import("../list-known.js");
      const { rows, text } = await listKnown(kind, plugin);
      if (json) printJson({ [kind]: rows });
      else print(text);
    });
}
