import high from "./tables/high.json";
import low from "./tables/low.json";
import nominal from "./tables/nominal.json";
import { parseTechnology, type Technology } from "./technology.js";

export const technologyNames = ["low", "nominal", "high"] as const;
export type TechnologyName = (typeof technologyNames)[number];

const files: Readonly<Record<TechnologyName, unknown>> = { low, nominal, high };

/**
 * A table that comes along: "nominal", or one at the low or high end of what its sources leave open (DRAM, and how far energies
 * shrink with the node).
 */
export const technologyTable = (name: TechnologyName): Technology =>
  parseTechnology(files[name], `technology "${name}"`);
