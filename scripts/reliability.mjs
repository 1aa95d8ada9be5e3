// Runs the reliability goals and writes reliability.json: `pnpm reliability`. It is the only one that does; tests compare with it.
//   --size ci|full   one of the two sizes: full takes a quarter of an hour, ci a minute or two; both unless told otherwise
//   names of files   only the goals that they test: kill-and-resume, disk-faults …
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, runInstalled } from "./run-program.mjs";

const figuresFile = join(root, "reliability.json");

const goals = {
  G1: "killed anywhere, a run goes on bit for bit",
  G2: "disk faults and power cuts leave the old content or the new",
  G3: "hostile files get a typed error, soon, in bounded memory",
  G4: "accepts what the standard tools accept, and refuses known-bad files by name",
  G5: "data never loads code",
  G7: "no prototype pollution",
  G9: "accumulators can't overflow",
  G10: "every operation survives the nasty table",
};

/** Runs the goals at one size and resolves to their figures by goal. */
async function measure(size, files) {
  const folder = mkdtempSync(join(tmpdir(), "reliability-"));
  try {
    const env = { LOWBIT_RELIABILITY: size, LOWBIT_RELIABILITY_RECORD: folder };
    const filters = files.length > 0 ? files.map((file) => `tests/reliability/${file}`) : ["tests/reliability"];
    const code = await runInstalled("vitest/vitest.mjs", ["run", ...filters], { env, quietOutput: true });
    const found = readdirSync(folder).map((name) => [
      name.replace(".json", ""),
      JSON.parse(readFileSync(join(folder, name), "utf8")),
    ]);
    return { figures: new Map(found), isGreen: code === 0 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const args = process.argv.slice(2).filter((arg) => arg !== "--");
const at = args.indexOf("--size");
const sizes = at >= 0 ? args.splice(at, 2).slice(1) : ["ci", "full"];
if (sizes.some((size) => size !== "ci" && size !== "full")) throw new Error("--size takes ci or full");

const written = existsSync(figuresFile) ? JSON.parse(readFileSync(figuresFile, "utf8")).goals : {};
for (const size of sizes) {
  const { figures, isGreen } = await measure(size, args);
  for (const [goal, found] of figures) written[goal] = { ...written[goal], goal: goals[goal], [size]: found };
  if (!isGreen) {
    process.stderr.write(`reliability: not every test passed at size ${size}\n`);
    process.exitCode = 1;
  }
}
if (process.exitCode !== 1) {
  const sorted = Object.fromEntries(
    Object.keys(goals).flatMap((goal) => (written[goal] ? [[goal, written[goal]]] : [])),
  );
  const about =
    "Written by `pnpm reliability`. What was tried may not shrink; violations are 0. See docs/reliability.md.";
  writeFileSync(figuresFile, `${JSON.stringify({ about, goals: sorted }, null, 2)}\n`);
}
