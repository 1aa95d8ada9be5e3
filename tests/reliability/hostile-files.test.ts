import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../workspace.js";
import { bundleProgram } from "./bundle-program.js";
import { checkFigures, runSize, sized } from "./figures.js";
import type { HostileReport } from "./hostile/open-hostile-files.js";
import { inPairs, runChild } from "./run-child.js";

// Goal G3: whatever a file holds, opening it ends with its content or with an error that says what is wrong, soon, and with no more
// memory than the file's size allows. A network that is accepted is run as well.

const formats = [
  ...["safetensors", "json", "manifest", "trained-folder", "packed-folder", "stored-graph", "experiment"],
  ...["idx", "gzip", "cifar", "png", "jpeg"],
];
const SEED = runSize === "full" ? 1_000_003 : 1;
const filesPerFormat = sized(2_000, 20_000);

/** Files that once went wrong, for good. */
const keptFolder = fileURLToPath(new URL("hostile/kept", import.meta.url));
const failuresFolder = join(root, "node_modules/.cache/reliability");

const work = mkdtempSync(join(tmpdir(), "reliability-hostile-"));
let program: string;
beforeAll(async () => {
  program = await bundleProgram("hostile/open-hostile-files.ts", work);
});
afterAll(() => rmSync(work, { recursive: true }));

const reports: HostileReport[] = [];
let hung = 0;

it(
  "every format answers every spoiled file",
  async () => {
    const failures: string[] = [];
    await inPairs(formats, async (format) => {
      const progress = join(work, format);
      const args = [format, String(filesPerFormat), String(SEED), progress, keptFolder];
      const { code, stdout, stderr, timedOut } = await runChild(program, args, {
        timeout: sized(900, 1800),
        flags: ["--max-old-space-size=1024"],
      });
      if (timedOut || code !== 0) {
        hung++;
        const file = readFileSync(progress, "utf8").trim();
        failures.push(
          `${format}, file ${file} of seed ${SEED}: ${timedOut ? "it did not end" : stderr.slice(0, 2000)}`,
        );
        return;
      }
      const report: HostileReport = JSON.parse(stdout);
      reports.push(report);
      for (const { what, file, files } of report.failures) {
        mkdirSync(failuresFolder, { recursive: true });
        const path = join(failuresFolder, `${format}-${file}.json`);
        writeFileSync(path, JSON.stringify(files));
        failures.push(`${format}, file ${file} of seed ${SEED}: ${what}; it is in ${path}: keep it in ${keptFolder}`);
      }
    });
    expect(failures.join("\n")).toBe("");
  },
  sized(1_800_000, 7_200_000),
);

it("accepts some and refuses most: the files are neither all right nor all nonsense", () => {
  for (const { format, accepted, refused } of reports) {
    expect(accepted, format).toBeGreaterThan(0);
    expect(refused, format).toBeGreaterThan(accepted / 50);
  }
});

it("has the figures of reliability.json", () => {
  const sum = (field: "untyped" | "slow" | "greedy"): number =>
    reports.reduce((total, report) => total + report[field], 0);
  const largest = (field: "slowestCpuMs" | "peakMemoryMB"): number =>
    Math.max(...reports.map((report) => report[field]));
  checkFigures("G3", {
    tried: Object.fromEntries([
      ["formats", reports.length],
      ...reports.map(({ format, opened }) => [`${format} files`, opened]),
    ]),
    violations: { untypedErrors: sum("untyped"), overOneSecond: sum("slow"), overReserved: sum("greedy"), hung },
    measured: { slowestCpuMs: largest("slowestCpuMs"), peakMemoryMB: largest("peakMemoryMB") },
  });
});
