import { type Command, Option } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues, countValue, numberValue } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit sample DIR --prompt TEXT`: a language model goes on with a text. */
export function addSampleVerb(program: Command): void {
  program
    .command("sample")
    .description("let a language model, trained or packed, go on with a text")
    .argument("<folder>", "a folder that train or convert has written, of a language model")
    .requiredOption("--prompt <text>", "what the text begins with")
    .option("--length <tokens>", "tokens to write", countValue, 200)
    .option("--temperature <factor>", "below 1 the likely gets likelier, at 0 it takes the likeliest", numberValue, 1)
    .option("--seed <number>", "of the choices", numberValue, 0)
    .addOption(engineOptions.backend)
    .addOption(new Option("--threads <count>", "threads that compute").argParser(countValue).default(1))
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--json", "print JSON, for programs", false)
    .action(async (folder, options) => {
      const { runSample } = await import("../run-sample.js");
      const sample = await runSample(folder, options);
      if (options.json) printJson(sample);
      else print(sample.prompt + sample.text);
      note(`${sample.tokens} tokens, ${sample.tokensPerSecond.toFixed(0)} a second`);
    });
}
