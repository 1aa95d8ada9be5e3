import type { Command } from "@commander-js/extra-typings";
import { print, printJson } from "../print.js";

/** `lowbit doctor`: which backend works here, and why another does not. */
export function addDoctorVerb(program: Command): void {
  program
    .command("doctor")
    .description("which backends and builds work here, and why another does not")
    .option("--json", "print JSON, for programs", false)
    .action(async ({ json }) => {
      const { examineMachine, formatExamination } = await import("../examine-machine.js");
      const examination = await examineMachine();
      if (json) printJson(examination);
      else print(formatExamination(examination));
    });
}
