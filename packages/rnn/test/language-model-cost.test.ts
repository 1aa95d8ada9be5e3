import { builtIns, createRegistry } from "@lowbit/quant";
import { plugin as wrpnPlugin } from "@lowbit/wrpn";
import { describe, expect, it } from "vitest";
import { languageModelCost } from "../src/index.js";

const registry = createRegistry(builtIns, wrpnPlugin);
const costOf = (precision: string, options: object = {}) =>
  languageModelCost({
    ...{ name: "lstm", vocabulary: 60, hidden: 128, precision, scheme: registry.scheme("wrpn"), registry },
    ...options,
  });

describe("the cost of a language model", () => {
  it.each([
    ["lstm", 4],
    ["gru", 3],
    ["vanilla", 1],
  ])("counts what the equations of %s have", (name, gates) => {
    const found = costOf("fp32", { name });
    const recurrent = gates * 2 * 128 ** 2;
    expect(found.macs).toBe(recurrent + 60 * 128);
    const biases = gates * 128 + 60 + (name === "gru" ? 128 : 0);
    expect(found.parameters).toBe(recurrent + 2 * 60 * 128 + biases);
    expect(found.packedBytes).toBe(found.latentBytes);
  });

  it.each([
    [8, 2],
    [4, 2.83],
    [2, 4],
    [1, 5.66],
  ])("breaks even where the paper's ratio s² · k / 32 is 1: %d bits at %dx", (bits, multiplier) => {
    const found = costOf(`w${bits}a8`);
    expect(found.breakEvenMultiplier).toBeCloseTo(multiplier, 2);
    expect(found.recurrentSizeRatio).toBeCloseTo(bits / 32, 10);
    expect(costOf(`w${bits}a8`, { width: 2 }).recurrentSizeRatio).toBeCloseTo((4 * bits) / 32, 10);
  });

  it("breaks even earlier as a whole: what stays fp32 grows too", () => {
    const { wholeBreakEvenMultiplier, breakEvenMultiplier, baselineBytes } = costOf("w4a4");
    expect(wholeBreakEvenMultiplier).toBeGreaterThan(1);
    expect(wholeBreakEvenMultiplier).toBeLessThan(breakEvenMultiplier);
    expect(costOf("w4a4", { width: wholeBreakEvenMultiplier }).packedBytes).toBeLessThanOrEqual(baselineBytes);
    expect(costOf("w4a4", { width: wholeBreakEvenMultiplier + 1 / 128 }).packedBytes).toBeGreaterThan(baselineBytes);
    expect(costOf("fp32").wholeBreakEvenMultiplier).toBe(1);
  });
});
