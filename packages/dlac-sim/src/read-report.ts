import { z } from "zod";
import { parseConfiguration } from "./config/config.js";
import { cyclesOf } from "./layer-report.js";
import { parseFields } from "./parse-fields.js";
import { REPORT_FORMAT, REPORT_VERSION, type SimulationReport } from "./simulate.js";
import { SimulatorError } from "./simulator-error.js";

const amount = z.number("a number from 0").min(0, "a number from 0");
const traffic = z.looseObject({ inputBits: amount, weightBits: amount, outputBits: amount, totalBits: amount });
const figures = {
  macs: amount,
  executedMacs: amount,
  skippedMacs: amount,
  cycles: amount,
  cyclesBy: z.looseObject({
    compute: amount,
    fill: amount,
    drain: amount,
    imbalance: amount,
    bandwidth: amount,
    synchronisation: amount,
  }),
  utilisation: amount,
  mappingUtilisation: amount,
  busyUtilisation: amount,
  denseMacsPerCycle: amount,
  executedMacsPerCycle: amount,
  energyPJ: amount,
  energyByPJ: z.looseObject({ operations: amount, sram: amount, dram: amount }),
  sram: traffic,
  dram: traffic,
};
const reportSchema = z.looseObject({
  format: z.literal(REPORT_FORMAT, `"${REPORT_FORMAT}"`),
  version: z.literal(REPORT_VERSION, `${REPORT_VERSION}`),
  workload: z.string("a name"),
  configuration: z.looseObject({ mode: z.string("a mode") }),
  layers: z.array(
    z.looseObject({
      ...figures,
      name: z.string("a name"),
      wBits: amount,
      aBits: amount,
      wDensity: amount,
      aDensity: amount,
    }),
    "a list of layers",
  ),
  total: z.looseObject(figures),
  throughput: z.looseObject({ latencyMs: amount, framesPerSecond: amount }),
  area: z.looseObject({ coreMM2: amount, totalMM2: amount }),
  technology: z.looseObject({ name: z.string("a name"), nodeNm: amount, rows: z.array(z.looseObject({})) }),
  assumptions: z.array(z.string("a sentence"), "a list of sentences"),
});

/**
 * A report that was written as JSON, read back in: its fields, its machine, and that its parts sum up.
 *
 * @throws {SimulatorError} names the field
 */
export function parseReport(fields: unknown, source = "report"): SimulationReport {
  const kind = { code: "LOWBIT_FILE_FORMAT", what: "simulation report", source } as const;
  const report = parseFields(reportSchema, fields, kind) as unknown as SimulationReport;
  parseConfiguration(report.configuration, `${source}, configuration`);
  for (const [name, { cycles, cyclesBy }] of [
    ...report.layers.map((layer) => [`layer "${layer.name}"`, layer] as const),
    ["total", report.total] as const,
  ]) {
    if (cyclesOf(cyclesBy) === cycles) continue;
    throw new SimulatorError("LOWBIT_FILE_FORMAT", `the cycles of ${name} are not the sum of their parts`, {
      where: `${source}, ${name}, cycles`,
      want: String(cyclesOf(cyclesBy)),
      got: cycles,
    });
  }
  return report;
}
