import { FileFormatError } from "../graph/errors.js";
import { checkReservation } from "./reserve.js";

/** Objects have no prototype, so "__proto__" and "constructor" are names like any other. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [name: string]: JsonValue;
}

/** The deepest nesting of arrays and objects that `parseJson` takes. */
const MAX_DEPTH = 64;

/** The most bytes that `parseJson` takes unless told otherwise. */
const MAX_BYTES = 16 * 2 ** 20;

export interface ParseJsonOptions {
  /** What the text is, for errors: a file name. */
  readonly file: string;
  /** The most bytes of UTF-8; 16 MiB by default. */
  readonly maxBytes?: number;
}

/**
 * Reads JSON (RFC 8259) from a file that nobody vouches for. As `JSON.parse`, but: no name twice in one object, no nesting beyond
 * 64, no more than 16 MiB, no number beyond float64, no broken UTF-8, and objects without a prototype.
 *
 * @throws {FileFormatError} with line and column
 * @throws {MemoryLimitError} when the text is too long
 * @example parseJson('{"__proto__": 1}', { file: "a.json" }) // an object with one name of its own; nothing is polluted
 */
export function parseJson(text: string | Uint8Array, { file, maxBytes = MAX_BYTES }: ParseJsonOptions): JsonValue {
  checkReservation(text.length, maxBytes, file);
  if (typeof text === "string") return new JsonReader(text, file).document();
  let decoded: string;
  try {
    decoded = new TextDecoder("utf-8", { fatal: true }).decode(text);
  } catch (cause) {
    throw new FileFormatError(`${file} is not valid JSON: its bytes are not UTF-8`, { where: file, cause });
  }
  return new JsonReader(decoded, file).document();
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PLAIN_TEXT = /[^"\\\u0000-\u001f]*/y;
const WHITESPACE = /[ \t\n\r]*/y;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

class JsonReader {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly file: string,
  ) {}

  document(): JsonValue {
    const value = this.value();
    this.skipWhitespace();
    if (this.at < this.text.length) this.fail("text after the end of the value");
    return value;
  }

  private fail(what: string, at = this.at): never {
    const before = this.text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - (before.lastIndexOf("\n") + 1) + 1;
    const where = `${this.file}, line ${line}, column ${column}`;
    throw new FileFormatError(`${this.file} is not valid JSON: ${what}`, { where, got: { line, column } });
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private skipWhitespace(): void {
    this.match(WHITESPACE);
  }

  /** Takes `mark` if it comes next, after white space. */
  private take(mark: string): boolean {
    this.skipWhitespace();
    if (this.text[this.at] !== mark) return false;
    this.at++;
    return true;
  }

  private value(): JsonValue {
    this.skipWhitespace();
    const next = this.text[this.at];
    if (next === "{") return this.nested(() => this.object());
    if (next === "[") return this.nested(() => this.array());
    if (next === '"') return this.string();
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    return this.number();
  }

  private nested<Value>(read: () => Value): Value {
    if (++this.depth > MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH}`);
    this.at++; // the opening bracket
    const value = read();
    this.depth--;
    return value;
  }

  private object(): JsonObject {
    const object: JsonObject = Object.create(null);
    if (this.take("}")) return object;
    do {
      this.skipWhitespace();
      const start = this.at;
      if (this.text[start] !== '"') this.fail("a name in double quotes was expected");
      const name = this.string();
      if (name in object) this.fail(`the name ${JSON.stringify(name.slice(0, 100))} comes twice`, start);
      if (!this.take(":")) this.fail('":" was expected');
      object[name] = this.value();
    } while (this.take(","));
    if (!this.take("}")) this.fail('"," or "}" was expected');
    return object;
  }

  private array(): JsonValue[] {
    const array: JsonValue[] = [];
    if (this.take("]")) return array;
    do array.push(this.value());
    while (this.take(","));
    if (!this.take("]")) this.fail('"," or "]" was expected');
    return array;
  }

  private string(): string {
    const start = this.at++;
    let result = "";
    for (;;) {
      result += this.match(PLAIN_TEXT);
      const next = this.text[this.at];
      if (next === '"') break;
      if (next === undefined) this.fail("a string without an end", start);
      if (next !== "\\") this.fail("a control character in a string");
      result += this.escape();
    }
    this.at++;
    return result;
  }

  private escape(): string {
    const letter = this.text[this.at + 1];
    const plain = ESCAPES.get(letter);
    if (plain !== undefined) {
      this.at += 2;
      return plain;
    }
    const digits = this.text.slice(this.at + 2, this.at + 6);
    if (letter !== "u" || !/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("an escape that JSON does not have");
    this.at += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private number(): number {
    const start = this.at;
    const digits = this.match(NUMBER);
    if (digits === "") this.fail(start === this.text.length ? "the text ends too early" : "a value was expected");
    const value = Number(digits);
    if (!Number.isFinite(value)) this.fail("a number too large for float64", start);
    return value;
  }
}
