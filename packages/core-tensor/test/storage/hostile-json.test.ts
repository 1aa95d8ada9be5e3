import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FileFormatError, MemoryLimitError } from "../../src/graph/errors.js";
import { parseJson } from "../../src/storage/index.js";

const parse = (text: string | Uint8Array) => parseJson(text, { file: "a.json" });

/** Ordinary objects of the same content, "__proto__" as a name of their own included. */
function ordinary(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Whether JSON.parse would hide something: a name twice. Counts names by reviving, which sees only the survivors. */
function refusal(text: string): Error | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** What this process has computed since then: what others compute meanwhile on a busy machine doesn't count. */
function processorMilliseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

describe("parseJson", () => {
  it("reads what JSON.stringify writes as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(0, 1, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(ordinary(parse(text))).toEqual(JSON.parse(text));
        expect(ordinary(parse(new TextEncoder().encode(text)))).toEqual(JSON.parse(text));
      }),
      { seed: 11, numRuns: 1000 },
    );
  });

  it("accepts and refuses mutated text as JSON.parse does, but for names that come twice", () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.string({ unit: fc.constantFrom(...'{}[]",:0123456789eE+-. \n\\utrfalsn\u0001é'), maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.json(), fc.array(edit, { minLength: 1, maxLength: 3 }), (json, edits) => {
        const text = edits.reduce((old, { at, remove, insert }) => {
          const start = at % (old.length + 1);
          return old.slice(0, start) + insert + old.slice(start + remove);
        }, json);
        let expected: unknown;
        let accepts = true;
        try {
          expected = JSON.parse(text);
        } catch {
          accepts = false;
        }
        const error = refusal(text);
        if (error === undefined) {
          expect(accepts).toBe(true);
          expect(ordinary(parse(text))).toEqual(expected);
        } else {
          expect(error).toBeInstanceOf(FileFormatError);
          if (accepts) expect(error.message).toMatch(/comes twice|too large for float64/);
        }
      }),
      { seed: 12, numRuns: 5000 },
    );
  });

  it("keeps any name as a name, at every depth, and touches no prototype", () => {
    const names = fc.constantFrom("__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "a");
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.constant('{"polluted":true}'),
        fc.array(fc.tuple(names, tie("value")), { minLength: 1, maxLength: 3 }).map((entries) => {
          const seen = new Map(entries);
          return `{${[...seen].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join()}}`;
        }),
      ),
    }));
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    fc.assert(
      fc.property(value, (text) => {
        expect(JSON.stringify(parse(text as string))).toBe(text);
      }),
      { seed: 13, numRuns: 500 },
    );
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([
    ["", "the text ends too early", 1, 1],
    ['{"a": 1, "b": {"c": 1,\n  "c": 2}}', 'the name "c" comes twice', 2, 3],
    ['{"a": 1, "\\u0061": 2}', 'the name "a" comes twice', 1, 10],
    ["[1,\n 2,\n x]", "a value was expected", 3, 2],
    ["[1, 2", '"," or "]" was expected', 1, 6],
    ["{1: 2}", "a name in double quotes was expected", 1, 2],
    ['{"a" 1}', '":" was expected', 1, 6],
    ['"abc', "a string without an end", 1, 1],
    ['"a\nb"', "a control character in a string", 1, 3],
    ['"\\x"', "an escape that JSON does not have", 1, 2],
    ["[1e999]", "a number too large for float64", 1, 2],
    ["1 2", "text after the end of the value", 1, 3],
    ["01", "text after the end of the value", 1, 2],
    ["NaN", "a value was expected", 1, 1],
    ["[".repeat(65), "nested deeper than 64", 1, 65],
  ])("refuses %j: %s", (text, what, line, column) => {
    expect(() => parse(text)).toThrow(FileFormatError);
    expect(refusal(text)?.message).toBe(
      `a.json is not valid JSON: ${what}\n  where  a.json, line ${line}, column ${column}`,
    );
  });

  it("takes 64 levels, and a great depth without a stack overflow", () => {
    expect(parse("[".repeat(64) + "]".repeat(64))).toHaveLength(1);
    expect(() => parse("[".repeat(1_000_000))).toThrow(/nested deeper than 64/);
  });

  it("refuses bytes that are not UTF-8, and text over the limit", () => {
    expect(() => parse(new Uint8Array([0x22, 0xff, 0x22]))).toThrow(/its bytes are not UTF-8/);
    expect(() => parseJson('"abcd"', { file: "a.json", maxBytes: 5 })).toThrow(MemoryLimitError);
    expect(() => parse(" ".repeat(16 * 2 ** 20 + 1))).toThrow(MemoryLimitError);
  });

  it("reads 64 KiB of anything in well under a second", () => {
    for (const text of [
      "[".repeat(65536),
      '{"a":'.repeat(13000),
      `"${"\\u0041".repeat(10900)}"`,
      `[${"1,".repeat(32000)}1]`,
      `"${"a".repeat(65000)}`,
    ]) {
      const start = process.cpuUsage();
      refusal(text);
      expect(processorMilliseconds(start)).toBeLessThan(1000);
    }
  });
});
