// A program of its own: `node open-under-guard.mjs COUNT`. Opens COUNT hostile files of every format while everything is watched by
// which data could run code, and prints what was seen as JSON. A module to fall for lies in the working folder.
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { LowbitError } from "@lowbit/core-tensor";
import { builtIns, createRegistry } from "@lowbit/quant";
import { plugin as wrpn } from "@lowbit/wrpn";
import { allFormats } from "./find-formats.js";
import { guardProcess } from "./guard-process.js";
import { codeNames } from "./mutate-json.js";
import { createRandom } from "./random.js";

/** Taken before the guard puts its own in their places. */
const shared = [
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  Map,
  Set,
  RegExp,
  Error,
  Promise,
  Uint8Array,
  Float32Array,
];

/** Everything that hangs on the prototypes that all objects share, as one text. */
function primordials(): string {
  return shared
    .map(({ name, prototype }) => {
      const own = Reflect.ownKeys(prototype).map((key) => {
        const { value, get } = Object.getOwnPropertyDescriptor(prototype, key) ?? {};
        return `${String(key)}=${typeof value === "function" ? value.name : typeof value}${get ? "+get" : ""}`;
      });
      return `${name}: ${own.join()}`;
    })
    .join("\n");
}

const count = Number(process.argv[2]);
const formats = await allFormats();
const registry = createRegistry(builtIns, wrpn);
for (const format of formats) for (const seed of format.seeds) await format.open(seed); // whatever is loaded lazily is loaded now
const before = primordials();
const guard = guardProcess();
let [opened, untyped] = [0, 0];
for (let i = 0; i < count; i++) {
  for (const format of formats) {
    const random = createRandom(7_000_000 + i);
    await format.open(await format.mutate(random.pick(format.seeds), random)).catch((error) => {
      if (!(error instanceof LowbitError)) untyped++;
    });
    opened++;
  }
}
let resolved = 0;
for (const name of [...codeNames, "__proto__", "constructor", "toString"]) {
  for (const find of [registry.quantizer, registry.scheme]) {
    try {
      find(name);
      resolved++;
    } catch (error) {
      if (!(error instanceof LowbitError)) untyped++;
    }
  }
}
const changed = primordials() === before && !("evil" in globalThis) && !("polluted" in {}) ? 0 : 1;
const seen = structuredClone(await guard.report());

// The guard is not blind: what it has to see is done, once each.
const elsewhere: string = "node:dns";
await import(elsewhere);
for (const tried of [() => Function("return 1"), () => spawn("true"), () => connect(9)]) {
  try {
    tried();
  } catch {
    // refused, as it should be
  }
}
const provoked = Object.values(await guard.report()).filter(({ length }, i) => length > Object.values(seen)[i].length);
const counts = { opened, untyped, resolved, changedPrimordials: changed, guardSees: provoked.length };
process.stdout.write(`${JSON.stringify({ ...counts, ...seen })}\n`);
process.exit(0); // the loader's thread holds the process
