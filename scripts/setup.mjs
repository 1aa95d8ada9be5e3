// Installs what the workspace needs and builds it: `npm run setup`. Needs nothing but Node and npm.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { root, runPnpm } from "./run-program.mjs";

const installedStamp = `${root}/node_modules/.lowbit-installed`;

/** Changes when an install would do something else: lockfile, manifests, or the machine it was made for. */
function installFingerprint() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  const folders = ["packages", "apps"].flatMap((group) =>
    readdirSync(`${root}/${group}`).map((name) => `${group}/${name}`),
  );
  const manifests = folders.map((folder) => `${folder}/package.json`).filter((file) => existsSync(`${root}/${file}`));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...manifests]) {
    hash.update(`${file}\n`).update(readFileSync(`${root}/${file}`));
  }
  return hash.digest("hex");
}

function isInstalled() {
  return existsSync(installedStamp) && readFileSync(installedStamp, "utf8") === installFingerprint();
}

/** Prints on the error stream, so that a caller's own results stay alone on the output. */
const say = (text) => process.stderr.write(`setup: ${text}\n`);

/** Brings node_modules and every dist/ up to date. Throws with the failing step and its exit code. */
export async function setUp() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`lowbit's workspace needs Node 20.19 or later; this is ${process.version}`);
  }
  const started = performance.now();
  if (isInstalled()) {
    say("dependencies are up to date");
  } else {
    say("installing dependencies (the pinned pnpm comes through npx)");
    const code = await runPnpm(["install", "--frozen-lockfile"], { quietOutput: true });
    if (code !== 0) throw new Error(`installing failed with exit code ${code}; nothing was built`);
    writeFileSync(installedStamp, installFingerprint());
  }
  say("building the packages (what has not changed comes from the cache)");
  const code = await runPnpm(["exec", "turbo", "run", "build"], { quietOutput: true });
  if (code !== 0) throw new Error(`building failed with exit code ${code}`);
  say(`ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setUp().catch((error) => {
    process.stderr.write(`setup: ${error.message}\n`);
    process.exitCode = 1;
  });
}
