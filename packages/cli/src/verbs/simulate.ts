import type { Command } from "@commander-js/extra-typings";
import { choiceOption, collectValues, countValue, numberValue } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit simulate`: what a network costs on an accelerator; `lowbit simulate sweep`: on several. */
export function addSimulateVerb(program: Command): void {
  const simulate = program
    .command("simulate")
    .description("cycles, use, traffic, energy and area of a network on a simulated accelerator, layer by layer")
    .option("--workload <file>", "layers as JSON, or a topology file of SCALE-Sim (.csv)")
    .option("--model <name>", "a built-in model instead")
    .option("--checkpoint <folder>", "a folder that train has written instead, with its own zeros")
    .option("--config <file>", "the machine as JSON, or a configuration file of SCALE-Sim (.cfg)")
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
    .option(
      "--images <count>",
      "of --checkpoint: images whose activations are looked at for zeros, 32; in event mode they are run, 1 unless told",
      countValue,
    )
    .option("--data <name>", "of --checkpoint: another data set than it was trained on, of the same shape")
    .option("--technology <name>", "energies and areas: low, nominal, high, or a JSON file", "nominal")
    .option("--report <file>", "also write a report: .md, .html as one page with charts, .csv or .json")
    .option("--save-workload <file>", "also write the layers as JSON, for --workload or the library elsewhere")
    .option("--scalesim-reports <folder>", "of a systolic array: also write SCALE-Sim's three reports there")
    .option("--json", "print JSON, for programs", false)
    .action(async ({ json, ...options }) => {
      const { runSimulation, formatSimulation } = await import("../run-simulation.js");
      const { report, written } = await runSimulation(options);
      for (const file of written) note(`wrote ${file}`);
      if (json) printJson(report);
      else print(formatSimulation(report));
    });
  simulate
    .command("read")
    .description("show a report that --report FILE.json has written, or write it in another form with --report")
    .argument("<file>", "the report as JSON")
    .action(async (file, _, command) => {
      const { readSimulation, formatSimulation } = await import("../run-simulation.js");
      const { json, ...options } = command.optsWithGlobals() as unknown as ReturnType<typeof simulate.opts>;
      const { report, written } = await readSimulation(file, options);
      for (const each of written) note(`wrote ${each}`);
      if (json) printJson(report);
      else print(formatSimulation(report));
    });
  simulate
    .command("pareto")
    .description("widths and precisions of --model by the accuracy that a study measured and the energy simulated here")
    .requiredOption("--study <folder>", "where lowbit study has written its records")
    .action(async (_, command) => {
      const { runPareto, formatPareto } = await import("../run-pareto.js");
      const { json, ...options } = command.optsWithGlobals() as unknown as ReturnType<typeof simulate.opts> & {
        readonly study: string;
      };
      const { front, written } = await runPareto(options);
      for (const each of written) note(`wrote ${each}`);
      if (json) printJson(front);
      else print(formatPareto(front));
    });
  simulate
    .command("sweep")
    .description("the same on a machine for each combination of values of some fields; options as those of simulate")
    .option(
      "--over <field=values>",
      "a field of the configuration, or technology, and its values: lanes=4,8,16; may be given several times",
      collectValues,
      [],
    )
    .action(async (_, command) => {
      const { runSweep, formatSweep } = await import("../run-sweep.js");
      const { json, ...options } = command.optsWithGlobals() as unknown as ReturnType<typeof simulate.opts> & {
        readonly over: readonly string[];
      };
      const sweep = await runSweep(options);
      if (json) printJson(sweep);
      else print(formatSweep(sweep));
    });
}
