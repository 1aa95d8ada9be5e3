import { describe, expect, it } from "vitest";
import { type technologyNames, technologyTable } from "../src/index.js";

const { operations, sram, dram, scaling } = technologyTable("nominal");

describe("the technology tables hold what is published", () => {
  it.each([
    ["int8-add", 0.03, 36],
    ["int16-add", 0.05, 67],
    ["int32-add", 0.1, 137],
    ["fp16-add", 0.4, 1360],
    ["fp32-add", 0.9, 4184],
    ["int8-multiply", 0.2, 282],
    ["int32-multiply", 3.1, 3495],
    ["fp16-multiply", 1.1, 1640],
    ["fp32-multiply", 3.7, 7700],
  ])("Horowitz 2014, 45 nm: %s %d pJ, %d µm²", (name, energyPJ, areaUM2) =>
    expect(operations[name]).toMatchObject({ energyPJ, areaUM2, status: "source" }),
  );

  it.each([
    [2, 124.9, 31.6],
    [4, 282.2, 67.9],
    [8, 687.6, 171.8],
    [16, 2203.2, 542.7],
  ])("Bit Fusion's unit of %d bits: %d µm², %d µW at 500 MHz", (bits, areaUM2, microwatt) => {
    const row = operations[`fused-unit-${bits}`];
    expect(row.areaUM2).toBe(areaUM2);
    expect(row.energyPJ).toBeCloseTo(microwatt / 500, 6);
  });

  it("8 bits against 2 are 5.5 times the area, not 16", () =>
    expect(operations["fused-unit-8"].areaUM2 / operations["fused-unit-2"].areaUM2).toBeCloseTo(5.5, 1));

  it.each([
    [128, 0.684, 0.925, 0.0015],
    [512, 1.061, 2.339, 0.0076],
    [1024, 1.133, 3.296, 0.0088],
    [2048, 1.903, 3.639, 0.0151],
    [4096, 3.429, 4.31, 0.0301],
    [8192, 6.392, 5.563, 0.0575],
    [16384, 9.982, 8.421, 0.1086],
  ])("CACTI, 45 nm, 32-bit port, %d bytes: %d and %d pJ, %d mm²", (bytes, read, write, areaMM2) => {
    const row = sram.find((each) => each.bytes === bytes);
    expect(row?.areaMM2).toBe(areaMM2);
    expect(row?.readPJPerBit).toBeCloseTo(read / 32, 8);
    expect(row?.writePJPerBit).toBeCloseTo(write / 32, 8);
  });

  it.each([
    [32, 0.46, 0.659],
    [20, 0.21, 0.221],
    [16, 0.19, 0.1735],
    [14, 0.17, 0.1388],
    [10, 0.1, 0.118],
    [7, 0.059, 0.0943],
  ])("Stillmaker and Baas, 45 to %d nm: area %d, energy %d", (nodeNm, area, energy) =>
    expect(scaling.find((each) => each.nodeNm === nodeNm)).toMatchObject({ area, energy, status: "source" }),
  );

  it("DRAM lies between Horowitz' 1300 and 2600 pJ for 64 bits, and low and high are the ends", () => {
    const bit = (name: (typeof technologyNames)[number]): number => technologyTable(name).dram.pjPerBit * 64;
    expect([bit("low"), bit("high")]).toEqual([1300, 2600]);
    expect(dram.pjPerBit * 64).toBe(1950);
  });

  it("pure scaling to 7 nm is about 4 times below the published fp32 multiply of 1.31 pJ, which high meets", () => {
    const at7 = (name: (typeof technologyNames)[number]): number => {
      const table = technologyTable(name);
      return table.operations["fp32-multiply"].energyPJ * (table.scaling.find((row) => row.nodeNm === 7)?.energy ?? 1);
    };
    expect(1.31 / at7("nominal")).toBeCloseTo(3.75, 1);
    expect(at7("high")).toBeCloseTo(1.31, 2);
  });
});
