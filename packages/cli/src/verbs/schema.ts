import type { Command } from "@commander-js/extra-typings";
import { printJson } from "../print.js";

/** `lowbit schema`: the JSON Schema of what `lowbit train FILE.json` reads. */
export function addSchemaVerb(program: Command): void {
  program
    .command("schema")
    .description("the JSON Schema of an experiment file, for editors and programs")
    .option("--json", "JSON it is in any case", false)
    .action(async () => {
      const { experimentJsonSchema } = await import("../experiment.js");
      printJson(experimentJsonSchema());
    });
}
