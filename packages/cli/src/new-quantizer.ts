import { ArgumentError } from "@lowbit/core-tensor";
import { joinPath, openStorage } from "@lowbit/core-tensor/storage";
import { version } from "../package.json";
import { checkOutFolder } from "./out-folder.js";
import { ownRegistry } from "./plugins.js";

/** What JavaScript or the template itself calls something else. */
const taken = new Set(
  [
    "await break case catch class const continue debugger default delete do else enum eval export extends false finally for",
    "function if implements import in instanceof interface let new null package private protected public return static super",
    "switch this throw true try typeof undefined var void while with yield arguments",
    "clip divide maximum mean multiply square sqrt z assert test plugin scheme uniform widths",
  ].flatMap((words) => words.split(" ")),
);

/** my-grid is myGrid in code. */
function variableOf(name: string): string {
  const camel = name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return taken.has(camel) ? `${camel}Quantizer` : camel;
}

/** The files of a package that has one quantizer and its scheme, by name. */
export function quantizerTemplate(name: string): ReadonlyMap<string, string> {
  const variable = variableOf(name);
  const manifest = {
    name: `lowbit-quantizer-${name}`,
    version: "0.1.0",
    description: `The quantizer ${name} for lowbit`,
    keywords: ["lowbit", "lowbit-quantizer", "quantization"],
    license: "MIT",
    type: "module",
    exports: "./index.js",
    files: ["index.js", "quantizer.js", "quantizer.test.js"],
    scripts: { test: "node --test" },
    dependencies: { zod: "^4.0.0" },
    peerDependencies: { "@lowbit/core-tensor": `^${version}`, "@lowbit/quant": `^${version}` },
  };
  return new Map([
    ["package.json", `${JSON.stringify(manifest, null, 2)}\n`],
    ["index.js", indexFile(name, variable)],
    ["quantizer.js", quantizerFile(name, variable)],
    ["quantizer.test.js", testFile(name, variable)],
    ["README.md", readmeFile(name)],
  ]);
}

const indexFile = (
  name: string,
  variable: string,
): string => `import { builtIns, createRegistry, defineScheme } from "@lowbit/quant";
import { ${variable} } from "./quantizer.js";

const uniform = createRegistry(builtIns).scheme("uniform");

/** Weights through ${name}; inputs through the uniform grid, which lowbit has. */
const scheme = defineScheme({
  name: "${name}",
  version: 1,
  bits: (slot, edge) => (slot === "weight" ? [2, 3, 4, 5, 6, 7, 8] : uniform.bits(slot, edge)),
  choose: (slot, request) =>
    slot === "weight" ? { quantizer: ${variable}, options: { bits: request.bits } } : uniform.choose(slot, request),
});

/** What lowbit registers when lowbit.config.json, or --plugin, names this package. */
export const plugin = { quantizers: [${variable}], schemes: [scheme] };
`;

const quantizerFile = (name: string, variable: string): string => `import {
  clip,
  divide,
  maximum,
  mean,
  multiply,
  roundHalfEven,
  roundStraightThrough,
  sqrt,
  square,
  stopGradient,
} from "@lowbit/core-tensor";
import { defineQuantizer } from "@lowbit/quant";
import { z } from "zod";

/** Codes run from −n to n: one of the k bits is the sign. */
const largestCode = (bits) => 2 ** (bits - 1) - 1;

/**
 * Weights on a grid that reaches as far as a few root mean squares: s = spread · √mean(w²) / n,
 * q(w) = s · clip(round(w / s), −n, n) with n = 2^(k−1) − 1. Ties go to the even code.
 *
 * Gradient: 1 where |round(w / s)| ≤ n, 0 elsewhere; none flows into s.
 */
export const ${variable} = defineQuantizer({
  name: "${name}",
  version: 1, // raise it when the same options give other numbers: networks keep it, and refuse another one
  source: "the paper and the equation",
  options: z.strictObject({
    bits: z.int().min(2).max(8),
    spread: z.number().min(0.1).max(10).default(2),
  }),
  codes: ({ bits }) => ({ kind: "int", min: -largestCode(bits), max: largestCode(bits) }),
  scale: ({ bits, spread }) => ({
    kind: "statistic",
    compute: (w) => {
      const size = sqrt(maximum(mean(square(w)), 2 ** -100)); // weights that are all 0 have a scale too
      return stopGradient(multiply(size, spread / largestCode(bits)));
    },
  }),
  granularity: () => ({ kind: "per-tensor" }),
  fakeQuantize: (w, { bits }, scale) => {
    const n = largestCode(bits);
    return multiply(clip(roundStraightThrough(divide(w, scale)), { min: -n, max: n }), scale);
  },
  toCodes: (levels, _, scale) => roundHalfEven(divide(levels, scale)),
  fromCodes: (codes, _, scale) => multiply(codes, scale),
  gradient: ({ bits }, scale) => {
    const edge = (largestCode(bits) + 0.5) * scale; // n is odd: halfway goes up, to n + 1
    return { edges: [-edge, edge], at: (w) => (Math.abs(w) < edge ? 1 : 0) };
  },
});
`;

const testFile = (name: string, variable: string): string => `import assert from "node:assert/strict";
import { test } from "node:test";
import { checkQuantizer, gradientAt, levelsOf, quantizeToCodes } from "@lowbit/quant/testing";
import { plugin } from "./index.js";
import { ${variable} } from "./quantizer.js";

const widths = [2, 3, 4, 8];

test("${name} keeps the contract of quantizers", async () => {
  const optionSets = [...widths.map((bits) => ({ bits })), { bits: 4, spread: 3 }];
  assert.deepEqual(await checkQuantizer(${variable}, optionSets), []);
});

// The formula again, on plain numbers: it shares no code with the quantizer.
test("${name} gives the codes and levels of its formula", async () => {
  const weights = Array.from({ length: 101 }, (_, i) => Math.sin(i * i) * (1 + (i % 5)));
  const size = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
  for (const bits of widths) {
    const n = 2 ** (bits - 1) - 1;
    const step = (2 * size) / n;
    const wanted = weights.map((w) => Math.max(-n, Math.min(n, Math.round(w / step))) + 0);
    assert.deepEqual([...(await quantizeToCodes(${variable}, { bits }, weights))], wanted);
    const levels = await levelsOf(${variable}, { bits }, weights);
    levels.forEach((level, i) => assert.ok(Math.abs(level - wanted[i] * step) < 1e-5));
  }
});

test("${name} has gradient 1 inside its range and 0 outside", async () => {
  for (const [w, slope] of [
    [-3.6, 0],
    [-3.4, 1],
    [0, 1],
    [3.4, 1],
    [3.6, 0],
  ]) {
    assert.equal(await gradientAt(${variable}, { bits: 3 }, w, { scale: 1 }), slope);
  }
});

test("the plugin offers it under its name", () => {
  assert.deepEqual(
    plugin.schemes.map((scheme) => scheme.name),
    ["${name}"],
  );
  assert.equal(plugin.schemes[0].choose("weight", { bits: 4, signed: true }).quantizer, ${variable});
});
`;

const readmeFile = (name: string): string => `# lowbit-quantizer-${name}

The quantizer \`${name}\` for [lowbit](https://www.npmjs.com/package/lowbit).

\`\`\`sh
npm install lowbit lowbit-quantizer-${name}
npx lowbit train --plugin lowbit-quantizer-${name} --quantizer ${name} --precision w2a4 --model resnet8 --data fashion-mnist-mini --epochs 2 --out run
\`\`\`

Name it in \`lowbit.config.json\` of the working folder instead of \`--plugin\`: \`{ "plugins": ["lowbit-quantizer-${name}"] }\`.

\`npm test\` checks it against the contract of quantizers. To try it before it is published, in another folder:

\`\`\`sh
npm install lowbit
npm install --install-links ../lowbit-quantizer-${name}
\`\`\`

Without \`--install-links\` npm links the folder, which would bring its own copy of lowbit's packages.
`;

export interface NewQuantizer {
  readonly name: string;
  readonly out: string;
  readonly files: readonly string[];
}

/**
 * `lowbit new quantizer NAME`: writes a package that works and passes its tests, to be changed into one's own.
 *
 * @throws {ArgumentError} for a name that is none, or that lowbit has given away, or a folder that is not empty
 */
export async function newQuantizer(
  name: string,
  { out = `lowbit-quantizer-${name}` }: { out?: string },
): Promise<NewQuantizer> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 100) {
    throw new ArgumentError(`a quantizer can't be called ${JSON.stringify(name)}`, {
      where: "NAME",
      want: "kebab-case, such as my-grid; the package is then lowbit-quantizer-my-grid",
      got: name,
    });
  }
  const storage = openStorage();
  const { quantizers, schemes } = ownRegistry().list();
  const other = [...quantizers, ...schemes].find((each) => each.name === name);
  if (other) {
    throw new ArgumentError(
      `${other.package ?? "another package"} has a quantizer or a scheme called "${name}" already`,
      {
        where: "NAME",
        want: "a name of its own: one program knows each name once",
        got: name,
      },
    );
  }
  await checkOutFolder(storage, out);
  const files = quantizerTemplate(name);
  await storage.makeFolder(out);
  for (const [file, content] of files) {
    await storage.writeAtomic(joinPath(out, file), content);
  }
  return { name, out, files: [...files.keys()] };
}
