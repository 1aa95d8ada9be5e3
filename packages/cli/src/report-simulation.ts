import { parseWorkload, type SimulationReport, simulate } from "@lowbit/dlac-sim";
import type { Report, Section } from "@lowbit/report";

const count = (value: number): string => value.toLocaleString("en");
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const microjoule = (picojoule: number): string => (picojoule / 1e6).toFixed(3);

/** Layers with a bar each; of more, charts could not be read. */
const MOST_BARS = 60;

/** A simulation as a report: a table of the layers, charts of where cycles and energy go, and what all of it rests on. */
export function reportSimulation(report: SimulationReport): Report {
  const { workload, mode, total, throughput, technology, assumptions } = report;
  const sections = [
    layerTable(report),
    roofline(report),
    cycleBars(report),
    energyBars(report),
    occupancy(report),
    areaBars(report),
    ...densityMap(report),
  ];
  return {
    title: `${workload} on a simulated machine, mode ${mode}`,
    text: [
      `${count(total.cycles)} cycles, ${throughput.latencyMs.toPrecision(4)} ms at ${report.configuration.frequencyMHz} MHz, ${throughput.framesPerSecond.toPrecision(4)} frames a second, ${microjoule(total.energyPJ)} µJ.`,
      `Throughput: ${throughput.denseEquivalentTOPS.toPrecision(3)} TOPS dense-equivalent, ${throughput.executedTOPS.toPrecision(3)} executed; per mm² of the core ${throughput.denseEquivalentTOPSPerMM2.toPrecision(3)} and ${throughput.executedTOPSPerMM2.toPrecision(3)}.`,
      "Nothing here was measured on hardware: it is a model's result.",
    ],
    sections: [
      ...sections,
      {
        heading: "What this rests on",
        text: assumptions.map((each) => `Assumed: ${each}.`),
        table: {
          columns: [`row of the table "${technology.name}" at ${technology.nodeNm} nm`, "status", "from"],
          rows: technology.rows.map(({ row, status, citation }) => [row, status, citation]),
        },
      },
    ],
  };
}

function layerTable({ layers, total }: SimulationReport): Section {
  const rows = [...layers.map((layer) => ({ ...layer })), { ...total, name: "total" }];
  return {
    heading: "Layers",
    text: [
      "Used: executed multiply-accumulates ÷ those that all units could do in the cycles. Mapped: the share of units with a place in the layer, were nothing zero. Busy: used, of the cycles without fill, drain and waiting for DRAM.",
    ],
    table: {
      columns: [
        "layer",
        "MACs",
        "executed",
        "cycles",
        "used",
        "mapped",
        "busy",
        "MACs/cycle, dense",
        "executed",
        "µJ",
        "DRAM bits",
      ],
      rows: rows.map((row) => [
        row.name,
        count(row.macs),
        percent(row.macs === 0 ? 0 : row.executedMacs / row.macs),
        count(row.cycles),
        percent(row.utilisation),
        percent(row.mappingUtilisation),
        percent(row.busyUtilisation),
        row.denseMacsPerCycle.toFixed(1),
        row.executedMacsPerCycle.toFixed(1),
        microjoule(row.energyPJ),
        count(Math.round(row.dram.totalBits)),
      ]),
    },
  };
}

/** Executed multiply-accumulates a cycle against those for each bit that crosses the DRAM port, under what the machine allows. */
function roofline({ layers, configuration }: SimulationReport): Section {
  const points = layers
    .filter(({ executedMacs }) => executedMacs > 0)
    .map((layer) => ({ x: layer.executedMacs / layer.dram.totalBits, y: layer.executedMacsPerCycle }));
  const peak = Math.max(
    ...layers.map(({ executedMacsPerCycle, utilisation }) => executedMacsPerCycle / (utilisation || 1)),
  );
  const port = configuration.dramBitsPerCycle;
  const [least, most] = [Math.min(...points.map(({ x }) => x)) / 2, Math.max(...points.map(({ x }) => x)) * 2];
  const steps = Array.from({ length: 41 }, (_, step) => least * (most / least) ** (step / 40));
  const roof = steps.map((x) => ({ x, y: port === undefined ? peak : Math.min(peak, x * port) }));
  return {
    heading: "Roofline",
    chart: {
      name: "roofline",
      title: "executed multiply-accumulates a cycle against those for each bit of DRAM traffic",
      chart: {
        kind: "lines",
        joined: false,
        x: { label: "executed MACs for each bit of DRAM", scale: "log" },
        y: { label: "executed MACs a cycle", scale: "log" },
        series: [
          { name: "what the machine allows", points: roof },
          { name: "layers", points },
        ],
      },
    },
  };
}

const cycleBars = ({ layers }: SimulationReport): Section => ({
  heading: "Cycles",
  chart: {
    name: "cycles",
    title: "cycles of each layer by cause",
    chart: {
      kind: "bars",
      value: { label: "cycles" },
      bars: layers
        .slice(0, MOST_BARS)
        .flatMap(({ name, cyclesBy }) => Object.entries(cyclesBy).map(([part, value]) => ({ name, part, value }))),
    },
  },
});

const energyBars = ({ layers }: SimulationReport): Section => ({
  heading: "Energy",
  chart: {
    name: "energy",
    title: "energy of each layer by component",
    chart: {
      kind: "bars",
      value: { label: "µJ" },
      bars: layers
        .slice(0, MOST_BARS)
        .flatMap(({ name, energyByPJ }) =>
          Object.entries(energyByPJ).map(([part, value]) => ({ name, part, value: value / 1e6 })),
        ),
    },
  },
});

function occupancy({ layers, total }: SimulationReport): Section {
  let at = 0;
  const points = layers.flatMap(({ cycles, utilisation }) => {
    const start = { x: at, y: 100 * utilisation };
    at += cycles;
    return [start, { x: Math.max(at - 1e-6 * total.cycles, start.x), y: 100 * utilisation }];
  });
  return {
    heading: "Occupancy over time",
    chart: {
      name: "occupancy",
      title: "the share of units that work, layer after layer",
      chart: {
        kind: "lines",
        x: { label: "cycles since the start" },
        y: { label: "units at work, %" },
        series: [{ name: "used", points }],
      },
    },
  };
}

const areaBars = ({ area }: SimulationReport): Section => ({
  heading: "Area",
  text: [`${area.totalMM2.toPrecision(3)} mm², of which the core takes ${area.coreMM2.toPrecision(3)}.`],
  chart: {
    name: "area",
    title: "area by component",
    chart: {
      kind: "bars",
      value: { label: "mm²" },
      bars: Object.entries(area.byMM2).map(([name, value]) => ({ name, value })),
    },
  },
});

/** On the grid: what zeros would gain one layer of 256 channels, by the closed form on the same machine. */
function densityMap({ configuration }: SimulationReport): Section[] {
  if (configuration.mode !== "event" && configuration.mode !== "closed") return [];
  const { sampledTiles: _, ...machine } = configuration;
  const cyclesAt = (wDensity: number, aDensity: number): number => {
    const layer = { name: "layer", type: "conv", H: 14, W: 14, C: 256, M: 256, R: 3, S: 3, padH: 1, padW: 1 };
    const workload = parseWorkload({ layers: [{ ...layer, wDensity, aDensity }] });
    return simulate(workload, { ...machine, mode: "closed" }).total.cycles;
  };
  const dense = cyclesAt(1, 1);
  const densities = [0.1, 0.2, 0.4, 0.6, 0.8, 1];
  const names = densities.map(String);
  return [
    {
      heading: "What zeros gain",
      text: ["A 3 × 3 convolution of 256 by 256 channels at 14 × 14 on this machine, by the closed form."],
      chart: {
        name: "density",
        title: "speed-up by the density of weights and activations",
        chart: {
          kind: "heat",
          x: { label: "density of activations", names },
          y: { label: "density of weights", names },
          value: "times as fast as without zeros",
          cells: densities.flatMap((w) =>
            densities.map((a) => ({ x: String(a), y: String(w), value: Number((dense / cyclesAt(w, a)).toFixed(2)) })),
          ),
        },
      },
    },
  ];
}
