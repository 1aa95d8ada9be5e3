// Compiles src/backends/wasm/assembly to four WebAssembly modules and writes each as a TypeScript module that holds its
// bytes: {portable, relaxed} × {unshared, shared memory}. Does nothing when neither sources nor options have changed.
//
//   node scripts/build-wasm.mjs [--only portable-unshared,portable-shared] [--text]
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sourceFolder = join(root, "src/backends/wasm/assembly");
const targetFolder = join(root, "src/backends/wasm/generated");
const compilerVersion = JSON.parse(
  readFileSync(join(root, "node_modules/assemblyscript/package.json"), "utf8"),
).version;

const shared = ["--sharedMemory", "--enable", "threads"];
const relaxed = ["--enable", "relaxed-simd"];
const builds = {
  "portable-unshared": [],
  "portable-shared": shared,
  "relaxed-unshared": relaxed,
  "relaxed-shared": [...relaxed, ...shared],
};

/** No runtime and no stack pointer: a module without mutable state, so that every thread can start it over live memory. */
const options = [
  "index.ts",
  ...["-O3", "--converge", "--noAssert", "--runtime", "stub", "--importMemory", "--noExportMemory"],
  ...["--initialMemory", "1", "--maximumMemory", "65536", "--enable", "simd", "--use", "abort="],
  ...["--disableWarning", "112"],
];

const args = process.argv.slice(2);
const only = args.includes("--only") ? args[args.indexOf("--only") + 1].split(",") : Object.keys(builds);
const files = readdirSync(sourceFolder)
  .filter((name) => name.endsWith(".ts"))
  .sort();
const sources = new Map(files.map((name) => [name, readFileSync(join(sourceFolder, name), "utf8")]));

const hash = createHash("sha256").update(JSON.stringify([compilerVersion, options, builds]));
for (const [name, text] of sources) hash.update(`${name}\0${text}\0`);
const fingerprint = hash.digest("hex");
const mark = `// assembly ${fingerprint}`;

const outdated = only.filter((build) => {
  try {
    return !readFileSync(join(targetFolder, `${build}.ts`), "utf8").startsWith(mark);
  } catch {
    return true;
  }
});
if (outdated.length === 0) process.exit(0);

mkdirSync(targetFolder, { recursive: true });
const { default: asc } = await import("assemblyscript/asc");
for (const build of outdated) {
  let binary;
  const wanted = [
    ...options,
    ...builds[build],
    "--outFile",
    "out.wasm",
    ...(args.includes("--text") ? ["--textFile", "out.wat"] : []),
  ];
  const { error, stderr } = await asc.main(wanted, {
    readFile: (name, folder) => sources.get(relative(".", join(folder, name))) ?? null,
    writeFile: (name, contents) => {
      if (name.endsWith(".wasm")) binary = contents;
      else writeFileSync(join(targetFolder, `${build}.wat`), contents);
    },
    listFiles: () => [],
  });
  if (error) {
    process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
    process.exit(1);
  }
  const base64 = Buffer.from(binary).toString("base64");
  const text = `${mark}\n/** ${binary.length} bytes of WebAssembly, in base64. */\nexport const kernels =\n  "${base64}";\n`;
  writeFileSync(join(targetFolder, `${build}.ts`), text);
  process.stdout.write(`${build}: ${binary.length} bytes\n`);
}
