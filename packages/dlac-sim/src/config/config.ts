import { z } from "zod";
import { parseFields } from "../parse-fields.js";
import { SimulatorError } from "../simulator-error.js";
import { peKindNames } from "./pe-kind.js";

const whole = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int(error).min(least, error).max(most, error);
};
const above0 = (most: number) => {
  const error = `a number above 0 and at most ${most}`;
  return z.number(error).gt(0, error).max(most, error);
};
const choice = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, `one of ${names.join(", ")}`);
const bytes = (standard: number) => whole(1, 2 ** 40).default(standard);
const bandwidth = above0(2 ** 30);

/** What every machine has. */
const shared = {
  $schema: z.string().optional(),
  name: z.string("a name").default("unnamed"),
  frequencyMHz: above0(1e6),
  /** Process node: energies and areas of the technology table are scaled to it. */
  nodeNm: above0(1000),
};

const systolicSchema = z.strictObject({
  ...shared,
  mode: z.literal("systolic"),
  rows: whole(1, 65_536),
  columns: whole(1, 65_536),
  dataflow: choice(["os", "ws", "is"]).default("os"),
  /** SCALE-Sim's own count: one cycle less for each layer, and its ceiling in output sizes. */
  scalesimCompat: z.boolean("true or false").default(false),
  pe: choice(peKindNames).default("int8"),
  inputBufferBytes: bytes(256 * 1024),
  weightBufferBytes: bytes(256 * 1024),
  outputBufferBytes: bytes(128 * 1024),
  /** Of each operand's own port, as SCALE-Sim has it; absent: as much as the array asks for, so that nothing stalls. */
  dramBitsPerCycle: bandwidth.optional(),
  frequencyMHz: above0(1e6).default(1000),
  nodeNm: above0(1000).default(45),
});

const bitFusionSchema = z.strictObject({
  ...shared,
  mode: z.literal("bit-fusion"),
  /** Fused units in a column take input channels, those in a row output channels. */
  rows: whole(1, 65_536).default(16),
  columns: whole(1, 65_536).default(32),
  dramBitsPerCycle: bandwidth.default(192),
  /** Bits of one operand that a whole unit multiplies, and that its smallest part does. */
  mostBits: whole(2, 16).default(8),
  leastBits: whole(1, 16).default(2),
  inputBufferBytes: bytes(32 * 1024),
  weightBufferBytes: bytes(64 * 1024),
  outputBufferBytes: bytes(16 * 1024),
  /** "first": the host unrolls the first layer's windows, so that its few channels fill the rows, as BitFusion's results have it. */
  im2col: choice(["never", "first"]).default("never"),
  frequencyMHz: above0(1e6).default(500),
  nodeNm: above0(1000).default(45),
});

const gridFields = {
  ...shared,
  /** Processing elements: rows take output positions, columns take filters. */
  gridRows: whole(1, 1024).default(16),
  gridColumns: whole(1, 1024).default(16),
  /** Of one processing element; they share the window of one output, and an adder tree sums them up. */
  lanes: whole(1, 1024).default(8),
  /** Positions ahead in which a lane finds the next one with work, in a cycle; 0 is no limit, 1 skips nothing. */
  lookAhead: whole(0, 1024).default(0),
  /** Outputs that a lane may be ahead of the slowest one that it waits for. */
  queueDepth: whole(1, 1024).default(1),
  /** Who waits for whom after each output: nobody, a processing element's lanes, a row's, or all. */
  synchronisation: choice(["lane", "pe", "row", "array"]).default("pe"),
  /** Which zeros are skipped. */
  skip: choice(["none", "weights", "activations", "both"]).default("both"),
  pe: choice(peKindNames).default("fp32-ternary"),
  /** Both double-buffered: half holds the tile at work, half the next one. */
  weightBufferBytes: bytes(512 * 1024),
  inputBufferBytes: bytes(1024 * 1024),
  /** Of each processing element, for 32-bit sums. */
  outputBufferBytes: bytes(2048),
  /** Outputs that a processing element writes back in a cycle. */
  outputBanks: whole(1, 64).default(1),
  dramBitsPerCycle: bandwidth.default(1024),
  /** Control, registers and buffers of a lane besides its arithmetic, at `nodeNm`. */
  otherAreaUM2PerLane: z.number().min(0).max(1e9).default(249),
  frequencyMHz: above0(1e6).default(160),
  nodeNm: above0(1000).default(14),
  /** Decides the zeros that the event model draws where a workload tells only densities. */
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  /** Tiles of a layer that the event model simulates, spread over it; absent: all. */
  sampledTiles: whole(1, 1e9).optional(),
};
const eventSchema = z.strictObject({ ...gridFields, mode: z.literal("event") });
const closedSchema = z.strictObject({ ...gridFields, mode: z.literal("closed") });

const configurationSchema = z.discriminatedUnion(
  "mode",
  [systolicSchema, bitFusionSchema, eventSchema, closedSchema],
  'mode "event", "closed", "systolic" or "bit-fusion"',
);

export type Configuration = Readonly<z.output<typeof configurationSchema>>;
export type SimulationMode = Configuration["mode"];
export type SystolicConfiguration = Extract<Configuration, { mode: "systolic" }>;
export type BitFusionConfiguration = Extract<Configuration, { mode: "bit-fusion" }>;
/** The grid that skips zeros, whichever of its two models runs. */
export type GridConfiguration = Extract<Configuration, { mode: "event" | "closed" }>;

export const simulationModes = ["event", "closed", "systolic", "bit-fusion"] as const satisfies SimulationMode[];

/**
 * The machine that these fields describe, defaults filled in. The mode decides which fields there are.
 *
 * @throws {SimulatorError} names the field, its value and the allowed range
 */
export function parseConfiguration(fields: unknown, source = "configuration"): Configuration {
  const kind = { code: "LOWBIT_CONFIGURATION", what: "configuration", source } as const;
  const configuration = parseFields(configurationSchema, fields, kind);
  if (configuration.mode === "bit-fusion" && configuration.leastBits > configuration.mostBits) {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `leastBits can't be ${configuration.leastBits}`, {
      where: `${source}, leastBits`,
      want: `a whole number from 1 to mostBits, ${configuration.mostBits}`,
      got: configuration.leastBits,
    });
  }
  return configuration;
}
