import { ArgumentError, input } from "@lowbit/core-tensor";
import { didYouMean } from "@lowbit/nn";
import { type PreparedModel, packedBytes } from "@lowbit/quant";
import { computeCost, readLayers } from "@lowbit/wrpn";
import { formatBytes } from "./table.js";

/** What a search may spend, and how it is counted. */
export interface PrecisionBudget {
  readonly kind: "size" | "cost" | "bitops";
  /** Of a lowered network; it adds up over the layers. */
  readonly costOf: (model: PreparedModel) => number;
  readonly limit: number;
  /** The axis of a chart. */
  readonly label: string;
  readonly format: (cost: number) => string;
}

const costFigures = (model: PreparedModel) =>
  computeCost(readLayers(model.forward(input("images", [1, ...model.inputShape]), { training: false }))).total;

const kinds = {
  size: { costOf: packedBytes, label: "packed bytes", format: formatBytes },
  cost: {
    costOf: (model: PreparedModel) => costFigures(model).relativeCost,
    label: "compute cost, of this network in fp32",
    format: (cost: number) => cost.toFixed(4),
  },
  bitops: {
    costOf: (model: PreparedModel) => costFigures(model).bitOperations,
    label: "bit operations for one image",
    format: (cost: number) => cost.toExponential(3),
  },
} as const;

const units = new Map([
  ["", 1],
  ["B", 1],
  ["kB", 1e3],
  ["MB", 1e6],
  ["k", 1e3],
  ["M", 1e6],
  ["G", 1e9],
]);

const want =
  "size=30kB (packed), cost=0.2 (bits of weights and inputs together times MACs, of this network in fp32) or bitops=200M; size and bitops also as 0.1x of fp32";

/**
 * Reads "size=30kB", "cost=0.2" or "bitops=0.05x".
 *
 * @param fullPrecision  the network that a factor is about
 * @throws {ArgumentError} for anything else
 */
export function readPrecisionBudget(text: string, fullPrecision: PreparedModel): PrecisionBudget {
  const [, kind = "", digits = "", unit = ""] = /^([a-z]+)=([0-9.]+(?:e[0-9]+)?)(x|B|kB|MB|k|M|G|)$/.exec(text) ?? [];
  const value = Number(digits);
  const isKnown = Object.hasOwn(kinds, kind);
  const isBytes = unit.endsWith("B");
  const fits = kind === "size" ? isBytes || unit === "x" : kind === "cost" ? unit === "" || unit === "x" : !isBytes;
  if (!isKnown || !(value > 0) || !Number.isFinite(value) || !fits) {
    const near = didYouMean(text.split("=")[0], Object.keys(kinds));
    throw new ArgumentError(`there is no budget ${JSON.stringify(text)}`, {
      where: "--budget",
      want,
      got: text,
      hint: near && near !== kind ? `did you mean ${near}=…?` : undefined,
    });
  }
  const known = kind as PrecisionBudget["kind"];
  const limit = unit === "x" ? value * kinds[known].costOf(fullPrecision) : value * (units.get(unit) as number);
  return { kind: known, limit, ...kinds[known] };
}
