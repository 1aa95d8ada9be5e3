import { ConfigurationError } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { defineQuantizer, parseOptions, uniformSymmetric } from "../src/index.js";

describe("parseOptions", () => {
  it("fills in defaults", () =>
    expect(parseOptions(uniformSymmetric, { bits: 3 })).toEqual({
      bits: 3,
      range: "max-abs",
      granularity: "per-tensor",
      axis: 0,
    }));

  it.each([
    [{ bits: 12 }, "options.bits"],
    [{ bits: 4, colour: "red" }, "options"],
    [undefined, "options"],
    [{ bits: 4, range: -1 }, "options.range"],
  ])("refuses %j and says where", (options, where) => {
    const parse = () => parseOptions(uniformSymmetric, options);
    expect(parse).toThrow(ConfigurationError);
    expect(parse).toThrow('quantizer "uniform-symmetric" can\'t take the options');
    expect(parse).toThrow(new RegExp(`where {2}${where}\\n`));
  });

  const withSchema = (validate: (value: unknown) => unknown) =>
    defineQuantizer({
      ...(uniformSymmetric as never as Parameters<typeof defineQuantizer>[0]),
      options: { "~standard": { version: 1, vendor: "by hand", validate: validate as never } },
    });

  it("takes any Standard Schema, with paths in both spellings", () => {
    expect(
      parseOptions(
        withSchema((value) => ({ value })),
        7,
      ),
    ).toBe(7);
    const failing = withSchema(() => ({ issues: [{ message: "a prime", path: ["a", { key: 0 }] }] }));
    expect(() => parseOptions(failing, 4)).toThrow("where  options.a.0\n  want   a prime");
  });

  it("refuses a schema that answers later", () =>
    expect(() =>
      parseOptions(
        withSchema(async () => ({ value: 1 })),
        {},
      ),
    ).toThrow("checks its options asynchronously"));
});
