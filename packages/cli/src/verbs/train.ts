import type { Command } from "@commander-js/extra-typings";
import { engineOptions, trainingMemoryOption } from "../engine-options.js";
import { choiceOption, collectValues, numberValue } from "../option-values.js";
import { note, print, printJson } from "../print.js";

/** `lowbit train …` by options, or `lowbit train FILE.json`: trains a network into a folder, from which a stopped run goes on. */
export function addTrainVerb(program: Command): void {
  program
    .command("train")
    .description("train a network, in full or in low precision")
    .argument("[file]", "an experiment as JSON instead of the options below; its schema: lowbit schema")
    .option("--model <name>", "a built-in model: lowbit list models")
    .option("--data <name>", "a data set: lowbit list datasets; for lstm, gru and vanilla a text: text:FILE")
    .option(
      "--precision <wKaL>",
      "bits of weights and activations, such as w2a2, and of gradients by dorefa: w1a2g6; fp32 where absent",
    )
    .option("--quantizer <scheme>", "how values are quantized: lowbit list schemes; wrpn where absent")
    .option(
      "--quantizer-option <name=value>",
      "what the scheme lets you decide, several times: observer=percentile:99.9, granularity=per-group:16 of uniform",
      collectValues,
      [],
    )
    .option(
      "--override <layers=wKaL>",
      "other bits, fp32 or :scheme for the layers of a name or a pattern: stage2.*=w4a8, conv1=w8a8:uniform; the first match counts",
      collectValues,
      [],
    )
    .option("--width <factor>", "multiplies the channels of every layer, or hidden; 1 where absent", numberValue)
    .addOption(
      choiceOption("--level <token>", "of a text: a token is a character or a word; char where absent", [
        "char",
        "word",
      ]),
    )
    .option("--vocabulary <count>", "of a text: tokens known at most; 10000 where absent", numberValue)
    .option("--hidden <units>", "of a language model: values in its state; 128 where absent", numberValue)
    .option("--layers <count>", "of a language model: recurrent layers; 1 where absent", numberValue)
    .addOption(
      choiceOption("--weight-scale <kind>", "of recurrent matrices on a static grid; learned where absent", [
        "learned",
        "constant",
      ]),
    )
    .option("--steps <tokens>", "of a text: that one step reads of each piece; 32 where absent", numberValue)
    .option(
      "--clip-norm <norm>",
      "of a language model: the largest norm of a step's gradients; 1 where absent",
      numberValue,
    )
    .option("--dropout <rate>", "of a language model; 0 where absent", numberValue)
    .option("--variational", "of a language model: dropout drops the same units in all steps of a batch")
    .option("--tied", "of a language model: the output layer multiplies with the embedding")
    .option("--epochs <count>", "times that each image or the text is seen; 10 where absent", numberValue)
    .option(
      "--freeze-batch-norm <epochs>",
      "of images: epochs at the end in which batch norm goes by its running statistics; 0 where absent",
      numberValue,
    )
    .option(
      "--fold-batch-norm <epochs>",
      "of images: the same with batch norm multiplied into the quantized weights right before it; 0 where absent",
      numberValue,
    )
    .option(
      "--batch <images>",
      "images in one step, or pieces of a text; 64 where absent, of a text what leaves 400 steps an epoch",
      numberValue,
    )
    .option("--seed <number>", "of initial weights, order and augmentation; 0 where absent", numberValue)
    .addOption(choiceOption("--optimiser <name>", "sgd where absent, adamw for a text", ["sgd", "adamw"]))
    .option("--learning-rate <rate>", "of the first step; 0.1 where absent, 0.004 for a text", numberValue)
    .option("--momentum <factor>", "of sgd; 0.9 where absent", numberValue)
    .option("--weight-decay <factor>", "of weights, not of batch norm; 1e-4 where absent, 0 for a text", numberValue)
    .option("--scale-learning-rate <factor>", "multiplies it for what quantizers learn; 1 where absent", numberValue)
    .addOption(
      choiceOption("--schedule <name>", "cosine where absent; plateau drops when the training loss stops falling", [
        "cosine",
        "step",
        "constant",
        "plateau",
      ]),
    )
    .option("--plateau-factor <factor>", "what a drop of plateau multiplies by; 0.1 where absent", numberValue)
    .option("--plateau-patience <epochs>", "epochs that it bears before a drop; 0 where absent", numberValue)
    .option("--plateau-threshold <share>", "how much better a loss has to be; 0.02 where absent", numberValue)
    .option("--fp32-epochs <count>", "first so many epochs in full precision, before it is lowered", numberValue)
    .option("--activation-penalty <factor>", "a price on the mean |activation| of each layer: makes zeros", numberValue)
    .option("--relu-threshold <value>", "ReLUs make zeros of what is not above it", numberValue)
    .option("--augment <changes>", "crop:PIXELS and flip, joined by a comma; none where absent")
    .option(
      "--limit <images>",
      "train and test on the first so many images or tokens only: for a quick try",
      numberValue,
    )
    .option("--out <folder>", "where checkpoints and the log go: a new or an empty folder")
    .option("--resume", "go on with the run in that folder, bit for bit as if it had never stopped", false)
    .option("--allow-build-change", "resume a run that another backend or build began", false)
    .addOption(trainingMemoryOption)
    .addOption(engineOptions.backend)
    .addOption(engineOptions.threads)
    .addOption(engineOptions.build)
    .option("--plugin <name>", "a package of quantizers, as lowbit.config.json may name it too", collectValues, [])
    .option("--no-progress", "no progress bars")
    .option("--json", "print JSON, for programs", false)
    .action(async (file, options) => {
      const { runTraining } = await import("../run-training.js");
      const { lineAfterTraining } = await import("../command-name.js");
      const { network, text } = await runTraining(file, options);
      if (options.json) printJson(network);
      else print(text);
      note(`next: ${lineAfterTraining(network)}`);
    });
}
