import { gradientAt, quantizeToCodes, testQuantizer } from "@lowbit/quant/testing";
import { describe, expect, it } from "vitest";
import { wrpnActivationSigned, wrpnWeight } from "../src/index.js";
import { everyJ, GRID, nearestCode } from "./nearest-code.js";

const widths = [1, 2, 3, 4, 5, 6, 7, 8];
const largest = [0, 0, 1, 3, 7, 15, 31, 63, 127];
const everyValue = everyJ.map((j) => j / GRID);

describe("wrpn-activation-signed", () => {
  testQuantizer(wrpnActivationSigned, { optionSets: widths.map((bits) => ({ bits })) });

  it.each(widths.slice(1))("takes every activation to its nearest code at %d bits, as weights", async (bits) => {
    const codes = await quantizeToCodes(wrpnActivationSigned, { bits }, everyValue);
    expect([...codes]).toEqual(everyJ.map((j) => nearestCode(j, -largest[bits], largest[bits])));
    expect(codes).toEqual(await quantizeToCodes(wrpnWeight, { bits }, everyValue));
  });

  it("keeps the sign alone at one bit, and takes 0 for positive", async () =>
    expect([...(await quantizeToCodes(wrpnActivationSigned, { bits: 1 }, [-3, -1e-40, -0, 0, 1e-40, 3]))]).toEqual([
      -1, -1, 1, 1, 1, 1,
    ]));

  it.each([
    [-1.001, 0],
    [-1, 1],
    [0, 1],
    [1, 1],
    [1.001, 0],
  ])("at a = %d has gradient %d", async (a, slope) => {
    for (const bits of widths) expect(await gradientAt(wrpnActivationSigned, { bits }, a)).toBe(slope);
  });
});
