import { ConfigurationError } from "@lowbit/core-tensor";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { builtIns, createRegistry, defineQuantizer, defineScheme, uniform, uniformSymmetric } from "../src/index.js";

const renamed = (name: string) => defineQuantizer({ ...uniformSymmetric, name });

describe("createRegistry", () => {
  const registry = createRegistry(builtIns);

  it("finds quantizers and schemes by name", () => {
    expect(registry.quantizer("uniform-symmetric")).toBe(uniformSymmetric);
    expect(registry.scheme("uniform")).toBe(uniform);
  });

  it.each([
    ["uniform-symetric", "did you mean uniform-symmetric?"],
    ["Uniform-Symmetric", "did you mean uniform-symmetric?"],
    ["halves", "install lowbit-quantizer-halves, or whichever package has it, and name it in lowbit.config.json"],
  ])("has no quantizer %s, and helps", (name, hint) => {
    const find = () => registry.quantizer(name);
    expect(find).toThrow(ConfigurationError);
    expect(find).toThrow(
      `there is no quantizer "${name}"\n  where  quantizer\n  want   one of ${builtIns.quantizers.map((each) => each.name).join(", ")}\n  try    ${hint}`,
    );
  });

  it.each(["__proto__", "constructor", "toString", "../evil", ""])("has nothing called %j", (name) => {
    expect(() => registry.quantizer(name)).toThrow(`there is no quantizer ${JSON.stringify(name)}`);
    expect(() => registry.scheme(name)).toThrow(`there is no scheme ${JSON.stringify(name)}`);
  });

  it("helps with schemes too", () => {
    expect(() => registry.scheme("uniforn")).toThrow("did you mean uniform?");
    expect(() => createRegistry().scheme("wrpn")).toThrow("a registry with schemes in it");
  });

  it("refuses the same name twice and says where both come from", () => {
    const plugin = { package: "lowbit-quantizer-mine", quantizers: [renamed("uniform-symmetric")], schemes: [] };
    expect(() => createRegistry(builtIns, plugin)).toThrow(
      'there are two quantizers called "uniform-symmetric"\n  where  @lowbit/quant and lowbit-quantizer-mine',
    );
    expect(() => createRegistry(builtIns, { quantizers: [], schemes: [uniform] })).toThrow(
      'there are two schemes called "uniform"',
    );
  });

  it("lists what it has, with slots and bits as its schemes use them", () => {
    const mine = { package: "lowbit-quantizer-mine", quantizers: [renamed("mine")], schemes: [] };
    const { schemes, quantizers } = createRegistry(builtIns, mine).list();
    expect(schemes.map(({ name }) => name)).toEqual([
      "uniform",
      "affine",
      "twn",
      "bwn",
      "xnor",
      "dorefa",
      "ttq",
      "pact",
      "lsq",
      "lsq-plus",
    ]);
    expect(schemes[0]).toEqual({
      name: "uniform",
      version: 1,
      package: "@lowbit/quant",
      source: expect.stringContaining("arXiv"),
      slots: ["weight", "input"],
      bits: [1, 2, 3, 4, 5, 6, 7, 8],
      quantizers: ["uniform-symmetric", "uniform-unsigned"],
    });
    expect(quantizers.map(({ name, slots, bits }) => [name, slots, bits])).toEqual([
      ["uniform-symmetric", ["weight", "input"], [2, 3, 4, 5, 6, 7, 8]],
      ["uniform-unsigned", ["input"], [1, 2, 3, 4, 5, 6, 7, 8]],
      ["uniform-affine", ["weight", "input"], [1, 2, 3, 4, 5, 6, 7, 8]],
      ["ternary-weight", ["weight"], [2]],
      ["binary-weight", ["weight"], [1]],
      ["binary-activation", ["input"], [1]],
      ["dorefa-weight", ["weight"], [1, 2, 3, 4, 5, 6, 7, 8]],
      ["dorefa-gradient", ["gradient"], [1, 2, 3, 4, 5, 6, 7, 8]],
      ["lsq", ["weight", "input"], [1, 2, 3, 4, 5, 6, 7, 8]],
      ["lsq-plus", ["input"], [1, 2, 3, 4, 5, 6, 7, 8]],
      ["pact", ["input"], [1, 2, 3, 4, 5, 6, 7, 8]],
      ["ttq", ["weight"], [2]],
      ["power-of-two-weight", [], []],
      ["group-weight", [], []],
      ["mine", [], []],
    ]);
    expect(quantizers.at(-1)).toMatchObject({ version: 1, package: "lowbit-quantizer-mine" });
  });
});

describe("defineScheme", () => {
  it("gives quantizers with complete options", () => {
    expect(uniform.choose("weight", { bits: 4, signed: true })).toEqual({
      quantizer: uniformSymmetric,
      options: { bits: 4, range: "max-abs", granularity: "per-channel", axis: 0 },
    });
    expect(uniform.choose("input", { bits: 2, signed: true })?.options).toMatchObject({ range: 1 });
    expect(uniform.choose("input", { bits: 2, signed: false })?.quantizer.name).toBe("uniform-unsigned");
  });

  it("leaves 32 bits alone", () => expect(uniform.choose("gradient", { bits: 32, signed: true })).toBeUndefined());

  it.each([
    ["weight", 1, true, 'scheme "uniform" has no 1-bit quantizer for weights', "2, 3, 4, 5, 6, 7, 8 bits, or 32"],
    ["input", 1, true, "has no 1-bit quantizer for inputs that can be negative", "2, 3, 4, 5, 6, 7, 8 bits, or 32"],
    ["input", 9, false, "has no 9-bit quantizer for inputs that are never negative", "1, 2, 3, 4, 5, 6, 7, 8 bits"],
    ["gradient", 8, true, "has no 8-bit quantizer for gradients", "32 bits: this scheme leaves the slot alone"],
  ] as const)("refuses %s of %d bits", (slot, bits, signed, headline, want) => {
    const choose = () => uniform.choose(slot, { bits, signed });
    expect(choose).toThrow(ConfigurationError);
    expect(choose).toThrow(headline);
    expect(choose).toThrow(want);
  });

  it("refuses what its quantizer refuses", () => {
    const odd = defineScheme({
      name: "odd",
      version: 1,
      bits: () => [8],
      choose: () => ({ quantizer: uniformSymmetric, options: { bits: 99 } }),
    });
    expect(() => odd.choose("weight", { bits: 8, signed: true })).toThrow('quantizer "uniform-symmetric"');
  });

  it("refuses a scheme without its functions", () =>
    expect(() => defineScheme({ name: "empty", version: 1 } as never)).toThrow("does not declare bits and choose"));
});

describe("defineQuantizer", () => {
  const declaration = { ...uniformSymmetric, options: z.strictObject({}) } as never as Parameters<
    typeof defineQuantizer
  >[0];

  it.each(["", "Upper", "two words", "-dash", "dash-", "a--b", "__proto__", "ünique", undefined])(
    "refuses the name %j",
    (name) => expect(() => defineQuantizer({ ...declaration, name: name as string })).toThrow("want   kebab-case"),
  );

  it.each([0, -1, 1.5, Number.NaN, "1", undefined])("refuses the version %j", (version) =>
    expect(() => defineQuantizer({ ...declaration, version: version as number })).toThrow("a whole number from 1"),
  );

  it("names every function that is missing", () =>
    expect(() => defineQuantizer({ name: "half", version: 1, toCodes: () => undefined } as never)).toThrow(
      'quantizer "half" does not declare options, codes, scale, granularity, fakeQuantize, fromCodes',
    ));

  it("can't be changed afterwards", () => expect(Object.isFrozen(defineQuantizer(declaration))).toBe(true));
});
