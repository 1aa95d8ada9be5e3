import type { Command } from "@commander-js/extra-typings";
import { engineOptions, trainingMemoryOption } from "../engine-options.js";
import { choiceOption, collectValues, numberValue } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit distill …` by options, or `lowbit distill FILE.json`: trains a low-precision student with a teacher (Apprentice). */
export function addDistillVerb(program: Command): void {
  program
    .command("distill")
    .description("train a network in low precision with a teacher: Apprentice's schemes a, b and c")
    .argument("[file]", "an experiment as JSON instead of the options below; its schema: lowbit schema distill")
    .addOption(
      choiceOption(
        "--scheme <name>",
        "a: teacher and student jointly; b: the teacher frozen; c: as b, the student in full precision first",
        ["a", "b", "c"],
      ),
    )
    .option(
      "--teacher <folder|model>",
      "a trained network's folder (several: the average of them), a built-in model to train first (a: beside), or none",
      collectValues,
      [],
    )
    .option("--student <name>", "a built-in model: lowbit list models")
    .option("--data <name>", "a data set: lowbit list datasets")
    .option("--precision <wKaL>", "bits of the student's weights and activations, such as w2a8; fp32 where absent")
    .option("--quantizer <scheme>", "how values are quantized: lowbit list schemes; wrpn where absent")
    .option("--width <factor>", "multiplies the channels of every layer of the student; 1 where absent", numberValue)
    .option("--epochs <count>", "of the student at its precision; 10 where absent", numberValue)
    .option("--full-precision-epochs <count>", "c: of the student before; as many where absent", numberValue)
    .option("--teacher-width <factor>", "of a teacher that is trained here; 1 where absent", numberValue)
    .option(
      "--teacher-epochs <count>",
      "b, c: of a teacher that is trained first; as --epochs where absent",
      numberValue,
    )
    .option("--batch <images>", "images in one step; 64 where absent", numberValue)
    .option("--seed <number>", "of initial weights, order and augmentation; 0 where absent", numberValue)
    .addOption(choiceOption("--optimiser <name>", "sgd where absent", ["sgd", "adamw"]))
    .option("--learning-rate <rate>", "of the first step; 0.1 where absent", numberValue)
    .option(
      "--teacher-learning-rate <rate>",
      "of a teacher that is trained here; as the student's where absent",
      numberValue,
    )
    .option(
      "--fine-tune-rate <rate>",
      "c: of the first step at low precision; a tenth of the other where absent",
      numberValue,
    )
    .option("--momentum <factor>", "of sgd; 0.9 where absent", numberValue)
    .option("--weight-decay <factor>", "of weights, not of batch norm; 1e-4 where absent", numberValue)
    .option("--scale-learning-rate <factor>", "multiplies it for what quantizers learn; 1 where absent", numberValue)
    .addOption(choiceOption("--schedule <name>", "cosine where absent", ["cosine", "step", "constant"]))
    .option("--augment <changes>", "crop:PIXELS and flip, joined by a comma; none where absent")
    .option("--alpha <weight>", "of the teacher's own loss, H(y, p_T); 1 where absent", numberValue)
    .option("--beta <weight>", "of the labels, H(y, p_A); 0.5 where absent", numberValue)
    .option("--gamma <weight>", "of the teacher's word, H(z_T, p_A); 0.5 where absent", numberValue)
    .option("--temperature <factor>", "divides the logits of the third term; 1 where absent", numberValue)
    .addOption(
      choiceOption("--form <name>", "of the third term; cross-entropy where absent", ["cross-entropy", "kl", "mse"]),
    )
    .option(
      "--hint <form:student=teacher>",
      "attention:LAYER=LAYER or fitnets:LAYER=LAYER, @WEIGHT behind it: maps that are to resemble the teacher's; may be given several times",
      collectValues,
      [],
    )
    .option("--limit <images>", "train and test on the first so many images only: for a quick try", numberValue)
    .option("--out <folder>", "where checkpoints and logs go: a new or an empty folder")
    .option("--resume", "go on with the run in that folder, bit for bit as if it had never stopped", false)
    .option("--allow-build-change", "resume a run that another backend or build began", false)
    .option("--cache <folder>", "b, c: where the teacher's logits are kept for later runs", ".lowbit/cache")
    .option("--no-cache", "b, c: ask the teacher about each batch instead")
    .addOption(trainingMemoryOption)
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (file, options) => {
      const { runDistillation, formatDistilled } = await import("../run-distillation.js");
      const { lineAfterTraining } = await import("../command-name.js");
      const network = await runDistillation(file, options);
      if (options.json) printJson(network);
      else print(formatDistilled(network));
      note(`next: ${lineAfterTraining(network)}`);
    });
}
