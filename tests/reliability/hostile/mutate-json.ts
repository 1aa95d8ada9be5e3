import type { Random } from "./random.js";

type Json = unknown;

/** What would run, if data could load code. */
export const codeNames = [
  ...["node:child_process", "./evil.mjs", "../evil.mjs", "lowbit-quantizer-evil", "@evil/quantizer", "evil"],
  ...["data:text/javascript,globalThis.evil=1", "file:///tmp/evil.mjs", "http://127.0.0.1:9/evil.mjs"],
  ...[
    "constructor.constructor('return process')()",
    "require('child_process').exec('id')",
    "$" + "{process.exit(1)}",
    "<script>evil()</script>",
  ],
];

const nastyNames = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "", "0", "length"];

const nest = (levels: number): Json => (levels === 0 ? 1 : { a: nest(levels - 1) });

const nastyValues: readonly Json[] = [
  ...[null, true, false, 0, -0, 1, -1, 2, 0.5, 1e9, -1e9, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, 5e-324],
  ...["", "x", "NaN", "../../etc/passwd", "a\u0000b", "\u001b[2J", "é".repeat(300)],
  ...[[], {}, [[]], [null], [1, 2, 3], [1e9, 1e9], { a: 1 }, nest(70), new Array(1000).fill(0)],
  ...nastyNames.slice(0, 4),
  ...codeNames,
];

/** Every value in a document, by its path. */
function pathsOf(value: Json, path: readonly string[] = [], into: string[][] = []): string[][] {
  into.push([...path]);
  if (value !== null && typeof value === "object") {
    for (const name of Object.keys(value)) pathsOf((value as Record<string, Json>)[name], [...path, name], into);
  }
  return into;
}

const valueAt = (value: Json, path: readonly string[]): Json =>
  path.reduce<Json>((at, name) => (at as Record<string, Json>)[name], value);

/** A value of its own even under the name "__proto__". */
function setOwn(object: object, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

function changeOnce(document: Json, random: Random): Json {
  const paths = pathsOf(document);
  const path = random.pick(paths);
  const old = valueAt(document, path);
  let value = structuredClone(random.pick(nastyValues));
  if (typeof old === "number" && random.chance(0.5)) value = random.pick([old + 1, old - 1, -old, old * 2, old + 0.5]);
  if (typeof old === "string" && random.chance(0.3)) value = old.slice(0, -1);
  if (random.chance(0.2)) value = structuredClone(valueAt(document, random.pick(paths))); // from elsewhere
  if (path.length === 0) return random.chance(0.1) ? value : document;
  const parent = valueAt(document, path.slice(0, -1)) as object;
  const name = path[path.length - 1];
  const kind = random.below(10);
  if (kind === 0 && Array.isArray(parent)) parent.splice(Number(name), 1);
  else if (kind === 0) Reflect.deleteProperty(parent, name);
  else if (kind === 1 && Array.isArray(parent)) parent.push(value);
  else if (kind === 1) setOwn(parent, random.pick(nastyNames), value);
  else setOwn(parent, name, value);
  return document;
}

/** The document with one to three values changed, removed, added or exchanged for others in it. */
export function mutateJson(document: Json, random: Random): Json {
  let changed = JSON.parse(JSON.stringify(document));
  for (let left = 1 + random.below(3); left > 0; left--) changed = changeOnce(changed, random);
  return changed;
}
