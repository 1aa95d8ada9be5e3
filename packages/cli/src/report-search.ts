import type { Report, Series } from "@lowbit/report";
import type { PrecisionBudget } from "./precision-budget.js";
import type { SearchReport } from "./run-search.js";

/** The Pareto front of a search, predicted and measured, and how sensitive each layer is. */
export function reportSearch(found: SearchReport, budget: PrecisionBudget): Report {
  const { front, scored, rechecked, best, measured, fullPrecision, test } = found;
  const measuredOf = (isMixed: boolean): Series["points"] =>
    scored.filter(({ name }) => (name === "mixed") === isMixed).map(({ cost, loss }) => ({ x: cost, y: loss }));
  const series = [
    { name: "front, predicted", points: front.map(({ cost, predictedLoss }) => ({ x: cost, y: predictedLoss })) },
    { name: "mixed, measured", points: measuredOf(true) },
    { name: "same bits everywhere, measured", points: measuredOf(false) },
  ].filter(({ points }) => points.length > 0);
  const slots = [...new Set(measured.map(({ slot, bits }) => `${slot} ${bits}`))];
  return {
    title: `${found.model} in mixed precision by ${found.quantizer}`,
    text: [
      `Scored on ${fullPrecision.images} training images (seed ${found.seed}), where full precision has ${fullPrecision.accuracy.toFixed(2)} % and loss ${fullPrecision.loss.toFixed(4)}. Budget: ${budget.kind}=${budget.format(budget.limit)}.`,
      `Chosen: ${best.name} at ${budget.format(best.cost)}, ${test.accuracy.toFixed(2)} % of ${test.images} test images right; in full precision ${test.fullPrecisionAccuracy.toFixed(2)} %.`,
    ],
    sections: [
      {
        heading: "Pareto front",
        text: [
          `The predicted front adds up what each layer loses by itself (${found.isExact ? "exact" : "thinned out"}: ${front.length} points); the measured points were lowered and scored as they are, with scales fitted and nothing else.`,
        ],
        chart: {
          name: "front",
          title: `loss against ${budget.label}`,
          chart: { kind: "lines", joined: false, x: { label: budget.label }, y: { label: "loss" }, series },
        },
        table: {
          columns: ["bits", budget.label, "predicted loss", "loss", "accuracy, %"],
          rows: scored.map(({ name, cost, predictedLoss, loss, accuracy }) => [
            ...[name, budget.format(cost), predictedLoss.toFixed(4), loss.toFixed(4), accuracy.toFixed(2)],
          ]),
        },
      },
      ...(rechecked.length === 0
        ? []
        : [
            {
              heading: "Calibrated",
              text: [
                "The best of them with layers equalised, rounding learned and bias corrected as well; the choice goes by this.",
              ],
              table: {
                columns: ["bits", budget.label, "loss, scales fitted", "loss, calibrated", "accuracy, %"],
                rows: rechecked.map(({ name, cost, loss, calibrated }) => [
                  ...[name, budget.format(cost), loss.toFixed(4)],
                  ...[calibrated.loss.toFixed(4), calibrated.accuracy.toFixed(2)],
                ]),
              },
            },
          ]),
      {
        heading: "Chosen",
        table: {
          columns: ["layer", "weight bits", "input bits"],
          rows: best.layers.map(({ layer, weightBits, inputBits }) => [layer, String(weightBits), String(inputBits)]),
        },
      },
      {
        heading: "Sensitivity",
        text: ["Loss that is added when one slot of one layer alone is lowered."],
        chart: {
          name: "sensitivity",
          title: "loss added by each layer alone",
          chart: {
            kind: "heat",
            x: { label: "slot and bits", names: slots },
            y: { label: "layer", names: [...new Set(measured.map(({ layer }) => layer))] },
            value: "loss added",
            cells: measured.map(({ layer, slot, bits, lossIncrease }) => ({
              ...{ x: `${slot} ${bits}`, y: layer, value: lossIncrease },
            })),
          },
        },
      },
    ],
  };
}
