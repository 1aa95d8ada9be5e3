// Tries every published package as a user gets it: packs it, installs it alone with npm in an empty folder, and runs its readme's example there.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { checkPlugin } from "./check-plugin.mjs";
import { formatCounts } from "./count-line.mjs";
import { root, runInstalled, runPnpm, runProgram } from "./run-program.mjs";

/** @returns {{ folder: string, manifest: any }[]} what npm gets, in the order of names */
function listPublished() {
  return readdirSync(`${root}/packages`)
    .map((name) => `${root}/packages/${name}`)
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) }))
    .filter(({ manifest }) => !manifest.private);
}

/** The first example in a readme: a module in JavaScript or TypeScript, else lines for a shell other than the installation itself. */
function findExample(readme) {
  const blocks = [...readme.matchAll(/^```(js|ts|sh)\n(.*?)^```/gms)].map(([, language, code]) => ({ language, code }));
  const isInstalling = ({ language, code }) => language === "sh" && /^(npm (i|install)|pnpm add) /.test(code);
  return blocks.find(({ language }) => language !== "sh") ?? blocks.find((block) => !isInstalling(block));
}

/** Runs an example in `folder` and resolves to its exit code. Types are stripped: Node 20 knows none. */
async function runExample({ language, code }, folder) {
  if (language === "sh") {
    const bin = join(folder, "node_modules/.bin");
    return runProgram("sh", ["-e", "-c", code], {
      cwd: folder,
      env: { PATH: `${bin}:${process.env.PATH}`, npm_config_offline: "true" },
    });
  }
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  writeFileSync(join(folder, "example.mjs"), ts.transpileModule(code, { compilerOptions: options }).outputText);
  return runProgram(process.execPath, ["example.mjs"], { cwd: folder });
}

/** Throws, with the step that failed, unless the package installs alone and its example runs. */
async function checkPackage({ folder, manifest }, tarballs, work) {
  if ((await runInstalled("publint/src/cli.js", [folder, "--strict", "--pack", "false"])) !== 0)
    throw new Error("publint");

  const example = findExample(readFileSync(`${folder}/README.md`, "utf8"));
  if (example === undefined) throw new Error("its readme has no example");

  const user = join(work, "user", manifest.name.replace("/", "-"));
  mkdirSync(user, { recursive: true });
  const overrides = Object.fromEntries([...tarballs].filter(([name]) => name !== manifest.name));
  const dependencies = { [manifest.name]: tarballs.get(manifest.name) };
  writeFileSync(join(user, "package.json"), JSON.stringify({ private: true, type: "module", dependencies, overrides }));
  const npmArgs = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  if ((await runProgram("npm", npmArgs, { cwd: user })) !== 0) throw new Error("npm install");

  const installed = join(user, "node_modules", manifest.name);
  for (const file of ["LICENSE", "README.md"]) readFileSync(join(installed, file));
  const code = await runExample(example, user);
  if (code !== 0) throw new Error(`its readme's example ended with exit code ${code}:\n${example.code}`);
}

/** Works on several items at a time: what npm does is mostly waiting. Rejects with the first failure. */
async function inLanes(items, work) {
  const left = [...items];
  const lane = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all([lane(), lane(), lane()]);
}

/** Packs every package into one folder; resolves to "name" → "file:tarball". */
async function packAll(packages, folder) {
  mkdirSync(folder);
  const tarballs = new Map();
  await inLanes(packages, async ({ folder: source, manifest }) => {
    const code = await runPnpm(["--dir", source, "pack", "--silent", "--pack-destination", folder], {
      quietOutput: true,
    });
    if (code !== 0) throw new Error(`pnpm pack failed in ${source}`);
    const file = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`;
    tarballs.set(manifest.name, `file:${join(folder, file)}`);
  });
  return tarballs;
}

const work = mkdtempSync(join(tmpdir(), "lowbit-packages-"));
const counts = { passed: 0, failed: 0 };
try {
  const packages = listPublished();
  const tarballs = await packAll(packages, join(work, "tarballs"));
  const attempt = async ({ name, check }) => {
    process.stderr.write(`package: ${name}\n`);
    try {
      await check();
      counts.passed++;
    } catch (error) {
      counts.failed++;
      process.stderr.write(`package: ${name} failed: ${error.message}\n`);
    }
  };
  const plugin = { name: "examples/quantizer-plugin", check: () => checkPlugin(tarballs, work) };
  const alone = packages.map((each) => ({
    name: each.manifest.name,
    check: () => checkPackage(each, tarballs, work),
  }));
  await inLanes([plugin, ...alone], attempt);
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.stdout.write(`${formatCounts(counts)}\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;
