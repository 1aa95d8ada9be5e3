import { z } from "zod";
import { parseFields } from "../parse-fields.js";
import { SimulatorError } from "../simulator-error.js";

const positive = z.number("a number from 0").min(0, "a number from 0");
const cited = {
  /** Where the figures come from: authors, title, place, and table or figure. */
  citation: z.string("where the row comes from").min(8, "where the row comes from, in at least 8 letters"),
  status: z.enum(["source", "derived", "assumed"], "source, derived or assumed"),
  note: z.string().optional(),
};

const technologySchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string("a name"),
  /** All figures below are at this node. */
  nodeNm: z.number("nanometres, above 0").gt(0, "nanometres, above 0"),
  operations: z.record(z.string(), z.strictObject({ energyPJ: positive, areaUM2: positive, ...cited })),
  /** Energy of a bit read or written by the size of the memory; between two rows along a straight line of logarithms. */
  sram: z
    .array(
      z.strictObject({
        bytes: z.number().gt(0, "bytes, above 0"),
        readPJPerBit: positive,
        writePJPerBit: positive,
        areaMM2: positive.optional(),
        ...cited,
      }),
    )
    .min(2, "at least two sizes"),
  dram: z.strictObject({ pjPerBit: positive, ...cited }),
  /** Factors on area and energy from `nodeNm` to another node. */
  scaling: z.array(z.strictObject({ nodeNm: positive.gt(0), area: positive, energy: positive, ...cited })),
});

export type Technology = Readonly<z.output<typeof technologySchema>>;

/** A row that a result rests on. */
export interface TechnologyRow {
  readonly row: string;
  readonly status: "source" | "derived" | "assumed";
  readonly citation: string;
}

/**
 * A technology table out of JSON. Every row carries its citation and its status; one without is refused.
 *
 * @throws {SimulatorError} names the row
 */
export function parseTechnology(fields: unknown, source = "technology"): Technology {
  return parseFields(technologySchema, fields, { code: "LOWBIT_CONFIGURATION", what: "technology table", source });
}

/** Energies and areas at one node, and the rows that were asked for. */
export interface Costs {
  operation(name: string): { readonly energyPJ: number; readonly areaUM2: number };
  /** Of a memory of so many bytes. */
  sram(bytes: number): { readonly readPJPerBit: number; readonly writePJPerBit: number; readonly areaUM2: number };
  dramPJPerBit(): number;
  readonly rows: () => readonly TechnologyRow[];
}

/** Reads a table at a node: DRAM is off the chip and not scaled. */
export function costsAt(technology: Technology, nodeNm: number): Costs {
  const used = new Map<string, TechnologyRow>();
  const use = (row: string, { status, citation }: Pick<TechnologyRow, "status" | "citation">): void => {
    used.set(row, { row, status, citation });
  };
  const factors = (): { area: number; energy: number } => scalingTo(technology, nodeNm, use);
  return {
    operation(name) {
      const row = technology.operations[name];
      if (row === undefined) {
        throw new SimulatorError("LOWBIT_CONFIGURATION", `the technology has no operation "${name}"`, {
          where: `${technology.name}, operations`,
          want: Object.keys(technology.operations).join(", "),
        });
      }
      use(`operations.${name}`, row);
      const { area, energy } = factors();
      return { energyPJ: row.energyPJ * energy, areaUM2: row.areaUM2 * area };
    },
    sram(bytes) {
      const { area, energy } = factors();
      const found = interpolateSram(technology.sram, bytes, use);
      return {
        readPJPerBit: found.readPJPerBit * energy,
        writePJPerBit: found.writePJPerBit * energy,
        areaUM2: found.areaUM2 * area,
      };
    },
    dramPJPerBit() {
      use("dram", technology.dram);
      return technology.dram.pjPerBit;
    },
    rows: () => [...used.values()].sort((a, b) => (a.row < b.row ? -1 : 1)),
  };
}

type Use = (row: string, cited: Pick<TechnologyRow, "status" | "citation">) => void;

/** Straight lines between logarithms; beyond the ends along the last two rows. */
function between(x: number, [x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): number {
  return y0 * (y1 / y0) ** (Math.log(x / x0) / Math.log(x1 / x0));
}

function neighbours<Row>(rows: readonly Row[], position: (row: Row) => number, at: number): readonly [Row, Row] {
  const upper = rows.findIndex((row) => position(row) >= at);
  const index = upper === -1 ? rows.length - 1 : Math.max(1, upper);
  return [rows[index - 1], rows[index]];
}

function interpolateSram(
  rows: Technology["sram"],
  bytes: number,
  use: Use,
): { readPJPerBit: number; writePJPerBit: number; areaUM2: number } {
  const sorted = [...rows].sort((a, b) => a.bytes - b.bytes);
  const pair = neighbours(sorted, (row) => row.bytes, bytes);
  for (const row of pair) use(`sram.${row.bytes}`, row);
  const [low, high] = pair;
  const line = (pick: (row: (typeof sorted)[number]) => number): number =>
    between(bytes, [low.bytes, pick(low)], [high.bytes, pick(high)]);
  const largest = sorted.filter((row) => row.areaMM2 !== undefined);
  const [small, big] = neighbours(largest, (row) => row.bytes, bytes);
  const areaMM2 = between(bytes, [small.bytes, small.areaMM2 as number], [big.bytes, big.areaMM2 as number]);
  for (const row of [small, big]) use(`sram.${row.bytes}`, row);
  return {
    readPJPerBit: line((row) => row.readPJPerBit),
    writePJPerBit: line((row) => row.writePJPerBit),
    areaUM2: 1e6 * areaMM2,
  };
}

/** The table's own node needs no factor; one between two rows is interpolated, and said to be. */
function scalingTo(technology: Technology, nodeNm: number, use: Use): { area: number; energy: number } {
  if (nodeNm === technology.nodeNm) return { area: 1, energy: 1 };
  const exact = technology.scaling.find((row) => row.nodeNm === nodeNm);
  if (exact !== undefined) {
    use(`scaling.${nodeNm}nm`, exact);
    return { area: exact.area, energy: exact.energy };
  }
  const nodes = [
    ...technology.scaling,
    { nodeNm: technology.nodeNm, area: 1, energy: 1, citation: technology.name, status: "source" as const },
  ].sort((a, b) => a.nodeNm - b.nodeNm);
  if (nodes.length < 2 || nodeNm < nodes[0].nodeNm || nodeNm > nodes[nodes.length - 1].nodeNm) {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `nodeNm can't be ${nodeNm}`, {
      where: `nodeNm, technology "${technology.name}"`,
      want: `a number from ${nodes[0].nodeNm} to ${nodes[nodes.length - 1].nodeNm}`,
      got: nodeNm,
    });
  }
  const [low, high] = neighbours(nodes, (row) => row.nodeNm, nodeNm);
  use(`scaling.${nodeNm}nm`, {
    status: "derived",
    citation: `between ${low.nodeNm} nm and ${high.nodeNm} nm, along a straight line of logarithms: ${low.citation}`,
  });
  return {
    area: between(nodeNm, [low.nodeNm, low.area], [high.nodeNm, high.area]),
    energy: between(nodeNm, [low.nodeNm, low.energy], [high.nodeNm, high.energy]),
  };
}
