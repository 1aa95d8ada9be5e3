import type { Command } from "@commander-js/extra-typings";
import { choiceOption, numberValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit simulate`: what a network costs on an accelerator. */
export function addSimulateVerb(program: Command): void {
  program
    .command("simulate")
    .description("cycles, use, traffic, energy and area of a network on a simulated accelerator, layer by layer")
    .option("--workload <file>", "layers as JSON, or a topology file of SCALE-Sim (.csv)")
    .option("--model <name>", "a built-in model instead")
    .requiredOption("--config <file>", "the machine as JSON, or a configuration file of SCALE-Sim (.cfg)")
    .addOption(
      choiceOption("--mode <name>", "the configuration's mode unless told otherwise; a .cfg file is systolic", [
        "event",
        "closed",
        "systolic",
        "bit-fusion",
      ]),
    )
    .addOption(
      choiceOption("--workload-kind <kind>", "columns of a topology file: conv, or gemm for M, N, K", [
        "conv",
        "gemm",
      ]).default("conv"),
    )
    .option("--scalesim-compat", "count cycles and output sizes as SCALE-Sim does", false)
    .option("--precision <wKaL>", "of --model: bits of weights and activations of quantized layers", "fp32")
    .option("--width <factor>", "of --model: multiplies its channels", numberValue, 1)
    .option("--input <C,H,W>", "of --model: channels, height and width of its images")
    .option("--w-density <share>", "of --model: the share of weights that are not zero", numberValue, 1)
    .option("--a-density <share>", "of --model: the share of activations that are not zero", numberValue, 1)
    .option("--technology <name>", "energies and areas: low, nominal, high, or a JSON file", "nominal")
    .option("--scalesim-reports <folder>", "of a systolic array: also write SCALE-Sim's three reports there")
    .option("--json", "print JSON, for programs", false)
    .action(async ({ json, ...options }) => {
      const { runSimulation, formatSimulation } = await import("../run-simulation.js");
      const report = await runSimulation(options);
      if (json) printJson(report);
      else print(formatSimulation(report));
    });
}
