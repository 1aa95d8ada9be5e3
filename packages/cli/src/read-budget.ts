import { ArgumentError } from "@lowbit/core-tensor";
import { didYouMean } from "@lowbit/nn";
import type { Budget, Candidate } from "@lowbit/wrpn";

const kinds = { cost: "relativeCost", size: "packedBytes", memory: "memoryBytes" } as const;
const units = new Map([
  ["B", 1],
  ["kB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
]);

const want = "cost=0.5 (times 1x fp32), size=300kB (packed weights) or memory=64MB (inference); bytes also as 0.25x";

/**
 * Reads budgets as they are typed: "cost=0.5" (times the cost of the 1x network in fp32), "size=300kB", "memory=0.25x".
 *
 * @throws {ArgumentError} for anything else
 */
export function readBudget(texts: readonly string[], baseline: Candidate): Budget {
  if (texts.length === 0) throw new ArgumentError("--budget is missing", { where: "--budget", want });
  return Object.fromEntries(texts.map((text) => readOne(text, baseline)));
}

function readOne(text: string, baseline: Candidate): [keyof Budget, number] {
  const [, kind = "", digits = "", unit = ""] = /^([a-z]+)=([0-9.]+)(|x|B|kB|MB|GB)$/.exec(text) ?? [];
  const name = kinds[kind as keyof typeof kinds];
  const value = Number(digits);
  const isBytes = units.has(unit);
  if (!Object.hasOwn(kinds, kind) || !(value > 0) || (kind === "cost" ? isBytes : unit === "")) {
    const near = didYouMean(text.split("=")[0], Object.keys(kinds));
    throw new ArgumentError(`there is no budget ${JSON.stringify(text)}`, {
      where: "--budget",
      want,
      got: text,
      hint: near && near !== kind ? `did you mean ${near}=…?` : undefined,
    });
  }
  return [name, isBytes ? value * (units.get(unit) as number) : value * baseline[name]];
}
