import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import { type LanguageModelCost, languageModelCost } from "@lowbit/rnn";
import { precisionOption, resolveOption } from "./built-in-network.js";
import { loadRegistry } from "./plugins.js";
import type { CostChoice } from "./run-cost.js";
import { formatBytes } from "./table.js";

/** What a language model is made of, as options of `lowbit cost` say it. */
export interface LanguageCostChoice extends CostChoice {
  readonly hidden?: number;
  readonly layers?: number;
  readonly vocabulary?: number;
}

export interface LanguageCostReport extends LanguageModelCost {
  readonly model: string;
  readonly precision: string;
  readonly quantizer: string;
  readonly width: number;
  readonly layers: number;
  readonly vocabulary: number;
}

/** Where the options say nothing: the defaults of `lowbit train`, and about as many characters as an English text has. */
const HIDDEN = 128;
const VOCABULARY = 64;

/** `lowbit cost` of a language model, from what was typed to the figures. */
export async function runLanguageCost(choice: LanguageCostChoice): Promise<LanguageCostReport> {
  const { model, width, firstLayerWidth, input, classes } = choice;
  for (const [option, value] of Object.entries({
    "--first-layer-width": firstLayerWidth,
    "--input": input,
    "--classes": classes,
  })) {
    if (value === undefined) continue;
    throw new ArgumentError(`${model} reads text: it has no ${option}`, {
      where: option,
      want: "--hidden, --layers, --vocabulary",
    });
  }
  const { hidden = HIDDEN, layers = 1, vocabulary = VOCABULARY } = choice;
  const precision = precisionOption(choice.precision);
  const registry = await loadRegistry(openStorage());
  const scheme = registry.scheme("wrpn");
  const cost = resolveOption("--model", () =>
    languageModelCost({ name: model, vocabulary, hidden, layers, width, precision, scheme, registry }),
  );
  return { ...cost, model, precision, quantizer: scheme.name, width, layers, vocabulary };
}

const count = (value: number): string => value.toLocaleString("en");

export function formatLanguageCost(report: LanguageCostReport): string {
  const { model, precision, width, hidden, layers, vocabulary, breakEvenMultiplier, wholeBreakEvenMultiplier } = report;
  return [
    `${model}, ${width}x: ${hidden} hidden units, ${layers} layer${layers === 1 ? "" : "s"}, ${vocabulary} tokens, ${precision}; one token`,
    "",
    `parameters      ${count(report.parameters)}`,
    `MACs            ${count(report.macs)}`,
    `recurrent       ${formatBytes(report.recurrentBytes)} packed, ${report.recurrentSizeRatio.toFixed(3)} of 1x fp32`,
    `whole network   ${formatBytes(report.latentBytes)} in fp32, ${formatBytes(report.packedBytes)} packed, ${report.sizeRatio.toFixed(3)} of ${formatBytes(report.baselineBytes)} at 1x in fp32`,
    `break-even      ${breakEvenMultiplier.toFixed(2)}x for the recurrent matrices, ${wholeBreakEvenMultiplier.toFixed(2)}x for the whole network`,
  ].join("\n");
}
