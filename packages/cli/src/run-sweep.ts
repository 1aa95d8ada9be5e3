import { ArgumentError } from "@lowbit/core-tensor";
import { type SweptField, type SweptMachine, simulate, sweepMachines } from "@lowbit/dlac-sim";
import { readConfiguration, readTechnology, readWorkload, type SimulationOptions } from "./run-simulation.js";
import { type Column, formatTable } from "./table.js";

type Values = SweptMachine["values"];

/** What one machine of a sweep makes of the workload. */
interface SweepRow {
  readonly values: Values;
  readonly cycles: number;
  readonly latencyMs: number;
  readonly utilisation: number;
  readonly executedMacs: number;
  readonly energyPJ: number;
  readonly dramBits: number;
  readonly coreMM2: number;
  readonly totalMM2: number;
  readonly denseEquivalentTOPS: number;
  readonly executedTOPS: number;
  readonly denseEquivalentTOPSPerMM2: number;
}

export interface Sweep {
  readonly workload: string;
  readonly mode: string;
  readonly rows: readonly SweepRow[];
}

/** `lowbit simulate sweep`: one workload on each combination; technology tables count as a field. */
export async function runSweep(options: SimulationOptions & { readonly over: readonly string[] }): Promise<Sweep> {
  const fields = options.over.map(parseSwept);
  if (fields.length === 0) {
    throw new ArgumentError("a sweep needs a field to change", { want: "--over FIELD=VALUE,VALUE,…" });
  }
  const tables = fields.find(({ field }) => field === "technology")?.values.map(String) ?? [options.technology];
  const configuration = await readConfiguration(options);
  const machines = sweepMachines(
    configuration,
    fields.filter(({ field }) => field !== "technology"),
    options.config,
  );
  const { workload, values } = await readWorkload(options, configuration.mode);
  const rows: SweepRow[] = [];
  for (const name of tables) {
    const technology = await readTechnology(name);
    for (const machine of machines) {
      const { total, throughput, area } = simulate(workload, machine.configuration, { technology, values });
      rows.push({
        values: tables.length > 1 ? { technology: name, ...machine.values } : machine.values,
        ...{ cycles: total.cycles, latencyMs: throughput.latencyMs, utilisation: total.utilisation },
        ...{ executedMacs: total.executedMacs, energyPJ: total.energyPJ, dramBits: total.dram.totalBits },
        ...{ coreMM2: area.coreMM2, totalMM2: area.totalMM2 },
        denseEquivalentTOPS: throughput.denseEquivalentTOPS,
        executedTOPS: throughput.executedTOPS,
        denseEquivalentTOPSPerMM2: throughput.denseEquivalentTOPSPerMM2,
      });
    }
  }
  return { workload: workload.name, mode: configuration.mode, rows };
}

/** "lanes=4,8" → the field and its values: numbers, true and false, else words. */
function parseSwept(text: string): SweptField {
  const [, field, values] = /^([A-Za-z0-9]+)=(.+)$/.exec(text) ?? [];
  if (field === undefined) {
    throw new ArgumentError(`${JSON.stringify(text)} is no field with values`, {
      where: "--over",
      want: "FIELD=VALUE,VALUE,… such as lanes=4,8,16",
    });
  }
  return {
    field,
    values: values.split(",").map((value) => {
      if (value === "true" || value === "false") return value === "true";
      return value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
    }),
  };
}

export function formatSweep({ workload, mode, rows }: Sweep): string {
  const names = Object.keys(rows[0].values);
  const columns: Column<SweepRow>[] = [
    ...names.map(
      (name): Column<SweepRow> => ({ title: name, value: ({ values }) => String(values[name]), isNumber: true }),
    ),
    { title: "cycles", value: ({ cycles }) => cycles.toLocaleString("en"), isNumber: true },
    { title: "used", value: ({ utilisation }) => `${(100 * utilisation).toFixed(1)} %`, isNumber: true },
    { title: "µJ", value: ({ energyPJ }) => (energyPJ / 1e6).toFixed(2), isNumber: true },
    { title: "mm²", value: ({ totalMM2 }) => totalMM2.toPrecision(3), isNumber: true },
    { title: "TOPS dense-eq.", value: (row) => row.denseEquivalentTOPS.toPrecision(3), isNumber: true },
    { title: "executed", value: ({ executedTOPS }) => executedTOPS.toPrecision(3), isNumber: true },
    { title: "dense-eq./mm² core", value: (row) => row.denseEquivalentTOPSPerMM2.toPrecision(3), isNumber: true },
  ];
  return [`${workload} on ${rows.length} simulated machines, mode ${mode}`, "", formatTable(columns, rows)].join("\n");
}
