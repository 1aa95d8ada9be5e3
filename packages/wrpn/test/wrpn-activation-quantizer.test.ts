import { gradientAt, levelsOf, quantizeToCodes, testQuantizer } from "@lowbit/quant/testing";
import { describe, expect, it } from "vitest";
import { wrpnActivation } from "../src/index.js";
import { everyJ, GRID, nearestCode } from "./nearest-code.js";

const widths = [1, 2, 3, 4, 5, 6, 7, 8];
const largest = [0, 1, 3, 7, 15, 31, 63, 127, 255];
const everyValue = everyJ.map((j) => j / GRID);

describe("wrpn-activation", () => {
  testQuantizer(wrpnActivation, { optionSets: widths.map((bits) => ({ bits })) });

  it.each(widths)("takes every activation from −2 to 2 to its nearest code at %d bits", async (bits) => {
    const codes = await quantizeToCodes(wrpnActivation, { bits }, everyValue);
    expect([...codes]).toEqual(everyJ.map((j) => nearestCode(j, 0, largest[bits])));
  });

  it.each([
    [1, [0, 1]], // {0, 1}, not ±1
    [2, [0, 1 / 3, 2 / 3, 1]],
  ])("has the paper's levels at %d bits", async (bits, levels) => {
    const made = await levelsOf(wrpnActivation, { bits }, everyValue);
    expect([...new Set(made.map((level) => level + 0))]).toEqual(levels.map(Math.fround));
  });

  it.each([
    [-0.001, 0],
    [0, 1],
    [0.5, 1],
    [1, 1],
    [1.001, 0],
  ])("at a = %d has gradient %d", async (a, slope) => {
    for (const bits of widths) expect(await gradientAt(wrpnActivation, { bits }, a)).toBe(slope);
  });
});
