import type { Command } from "@commander-js/extra-typings";
import { countValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit demo`: the main job on data that comes along: three networks trained, two packed, one table. */
export function addDemoVerb(program: Command): void {
  program
    .command("demo")
    .description(
      "train resnet8 in fp32, at w2a2, and at w2a2 twice as wide; pack the latter two; compare (under 5 minutes)",
    )
    .option("--quick", "on fewer images: under a minute", false)
    .option("--out <folder>", "where it writes; a fresh folder below ./lowbit-demo where absent")
    .option("--resume", "go on with a demo that was stopped, in --out", false)
    .option("--threads <count>", "threads that compute; all processors, at most 8, unless told", countValue)
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (options) => {
      const { runDemo } = await import("../run-demo.js");
      const { formatDemo } = await import("../demo-table.js");
      const demo = await runDemo(options);
      if (options.json) printJson(demo);
      else print(formatDemo(demo));
    });
}
