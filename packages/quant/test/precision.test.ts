import { ConfigurationError } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { parsePrecision } from "../src/index.js";

const sides = [1, 2, 3, 4, 5, 6, 7, 8, 32];

describe("parsePrecision", () => {
  it("reads every precision there is", () => {
    for (const weightBits of sides) {
      for (const inputBits of sides) {
        const name = weightBits + inputBits === 64 ? "fp32" : `w${weightBits}a${inputBits}`;
        expect(parsePrecision(`w${weightBits}a${inputBits}`)).toEqual({ name, weightBits, inputBits });
      }
    }
    expect(parsePrecision("w1a2g6")).toEqual({ name: "w1a2g6", weightBits: 1, inputBits: 2, gradientBits: 6 });
    expect(parsePrecision("w32a32g1").name).toBe("w32a32g1");
    expect(parsePrecision("w1a2g32").name).toBe("w1a2");
    expect(parsePrecision("fp32")).toEqual({ name: "fp32", weightBits: 32, inputBits: 32 });
  });

  it.each([
    "",
    "w2",
    "a2w2",
    "w0a2",
    "w9a2",
    "w2a16",
    "W2A2",
    "w02a2",
    " w2a2",
    "w2a2\n",
    "fp16",
    "int8",
    "2",
    "w2a2g9",
    "w2g2",
    "w2a2g",
  ])("refuses %j", (text) => {
    expect(() => parsePrecision(text)).toThrow(ConfigurationError);
    expect(() => parsePrecision(text)).toThrow("wKaL with K and L from 1 to 8, or 32");
  });
});
