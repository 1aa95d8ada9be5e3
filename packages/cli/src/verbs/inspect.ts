import type { Command } from "@commander-js/extra-typings";
import { engineOptions } from "../engine-options.js";
import { collectValues, countValue, numberValue } from "../option-values.js";
import { print, printJson } from "../print.js";

/** `lowbit inspect DIR`, or `--model NAME`: what each layer is, weighs, costs and runs on. */
export function addInspectVerb(program: Command): void {
  program
    .command("inspect")
    .description("per layer: shape, bits, parameters, packed bytes, MACs, kernel, and which edges are codes")
    .argument("[folder]", "a folder that train or convert has written")
    .option("--model <name>", "a built-in model instead, untrained")
    .option("--precision <wKaL>", "its bits of weights and activations", "fp32")
    .option("--quantizer <scheme>", "how its values are quantized", "wrpn")
    .option("--width <factor>", "multiplies its channels", numberValue, 1)
    .option("--input <C,H,W>", "channels, height and width of its images", "1,28,28")
    .option("--classes <count>", "its classes", countValue, 10)
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option(
      "--kernels",
      "the kernel of each layer and why it was chosen; a built-in model as it would run packed",
      false,
    )
    .option("--json", "print JSON, for programs", false)
    .action(async (folder, options) => {
      const { runInspection, formatInspection, formatKernels } = await import("../run-inspection.js");
      const inspection = await runInspection(folder, options);
      if (options.json) printJson(inspection);
      else print(options.kernels ? formatKernels(inspection) : formatInspection(inspection));
    });
}
