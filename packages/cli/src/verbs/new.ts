import type { Command } from "@commander-js/extra-typings";
import { choiceArgument } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit new quantizer NAME`: the beginning of a package of one's own, which works as it is. */
export function addNewVerb(program: Command): void {
  program
    .command("new")
    .description("begin a package of your own: a quantizer with its scheme and tests, ready to change")
    .addArgument(choiceArgument("<kind>", "what to begin", ["quantizer"]))
    .argument("<name>", "in kebab-case, such as my-grid")
    .option("--out <folder>", "a new or an empty folder; lowbit-quantizer-NAME where absent")
    .option("--json", "print JSON, for programs", false)
    .action(async (_, name, { out, json }) => {
      const { newQuantizer } = await import("../new-quantizer.js");
      const made = await newQuantizer(name, { out });
      if (json) printJson(made);
      else print(`${made.out}: ${made.files.join(", ")}`);
      note(`next: cd ${made.out} && npm install && npm test; its README.md goes on from there`);
    });
}
