import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runProgram } from "./run-program.mjs";

const name = "lowbit-quantizer-sigma";
const source = `${root}/examples/quantizer-plugin`;

/** Runs the installed `lowbit` in a process of its own. */
function lowbit(user, ...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["node_modules/lowbit/dist/main.js", ...words], {
    cwd: user,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function lowbitJson(user, ...words) {
  const { status, stdout, stderr } = lowbit(user, ...words, "--json");
  if (status !== 0) throw new Error(`lowbit ${words.join(" ")} ended with exit code ${status}:\n${stderr}`);
  return JSON.parse(stdout);
}

function expectRefusal({ status, stderr }, text) {
  if (status === 78 && stderr.includes(text)) return;
  throw new Error(`wanted exit code 78 and ${JSON.stringify(text)}, got ${status}:\n${stderr}`);
}

/**
 * Tries the example of a third party's quantizer as its users get it: packs it, installs it beside the packed packages in an
 * empty folder, runs its tests there, trains with it by name, converts, evaluates in new processes, and takes away its
 * configuration and its version.
 *
 * @param tarballs  "name" → "file:tarball" of every published package
 */
export async function checkPlugin(tarballs, work) {
  const user = join(work, "user", name);
  mkdirSync(user, { recursive: true });
  const packed = spawnSync("npm", ["pack", source, "--pack-destination", work, "--json"], {
    cwd: work,
    encoding: "utf8",
  });
  if (packed.status !== 0) throw new Error(`npm pack: ${packed.stderr}`);
  const [{ filename }] = JSON.parse(packed.stdout);
  const dependencies = { ...Object.fromEntries(tarballs), [name]: `file:${join(work, filename)}` };
  const overrides = Object.fromEntries([...tarballs.keys()].map((each) => [each, `$${each}`]));
  writeFileSync(join(user, "package.json"), JSON.stringify({ private: true, type: "module", dependencies, overrides }));
  const npmArgs = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  if ((await runProgram("npm", npmArgs, { cwd: user, quietOutput: true })) !== 0) throw new Error("npm install");

  const installed = join(user, "node_modules", name);
  const tests = await runProgram(process.execPath, ["--test", join(installed, "quantizer.test.js")], {
    cwd: user,
    quietOutput: true,
  });
  if (tests !== 0) throw new Error("its contract tests");

  const config = join(user, "lowbit.config.json");
  writeFileSync(config, JSON.stringify({ plugins: [name] }));
  const what = ["--model", "resnet8", "--data", "fashion-mnist-mini", "--epochs", "1", "--limit", "128"];
  const trained = lowbitJson(user, "train", ...what, "--quantizer", "sigma", "--precision", "w3a4", "--out", "trained");
  lowbitJson(user, "convert", "trained", "--out", "packed");
  for (const folder of ["trained", "packed"]) {
    const { accuracy, loss } = lowbitJson(user, "eval", folder, "--build", "portable");
    if (accuracy !== trained.accuracy || loss !== trained.loss)
      throw new Error(`${folder}: other numbers than in training`);
  }

  const file = join(installed, "quantizer.js");
  const code = readFileSync(file, "utf8");
  writeFileSync(file, code.replace("version: 1,", "version: 2,"));
  expectRefusal(lowbit(user, "eval", "trained"), "was quantized by sigma version 1");
  writeFileSync(file, code);
  writeFileSync(config, JSON.stringify({ plugins: [] }));
  expectRefusal(lowbit(user, "eval", "trained"), "install lowbit-quantizer-sigma");
}
