#!/usr/bin/env node
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CeilingMeter } from "./measure/ceiling.js";
import { profileTraining } from "./profile/profile-training.js";
import { startResult } from "./report/result.js";
import { formatTable } from "./report/table.js";
import { inferSuite } from "./suites/infer-suite.js";
import { kernelsSuite } from "./suites/kernels-suite.js";
import type { Suite } from "./suites/suite.js";
import { trainSuite } from "./suites/train-suite.js";

const suites = new Map<string, Suite>([kernelsSuite, trainSuite, inferSuite].map((suite) => [suite.name, suite]));
const USAGE = `pnpm bench <${[...suites.keys()].join("|")}|profile> [--json FILE] [--threads N] [--only TEXT]`;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

function readCommandLine() {
  const options = {
    json: { type: "string" },
    threads: { type: "string", default: "1" },
    only: { type: "string" },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const threads = Number(values.threads);
  if (positionals.length !== 1 || !Number.isInteger(threads) || threads < 1) throw new TypeError(USAGE);
  return { name: positionals[0], threads, json: values.json, only: values.only };
}

async function main(): Promise<void> {
  const { name, threads, json, only } = readCommandLine();
  if (name === "profile") {
    process.stdout.write(`${await profileTraining({ threads, only })}\n`);
    return;
  }
  const suite = suites.get(name);
  if (!suite) throw new TypeError(`there is no suite "${name}"\n${USAGE}`);
  const finish = startResult(name, `pnpm bench ${process.argv.slice(2).join(" ")}`);
  const meter = new CeilingMeter();
  const rows = await suite.run({ threads, meter, only, progress: say });
  const result = finish(rows, meter.ceiling());
  // pnpm runs this in its own folder; INIT_CWD is where it was called.
  if (json) await writeFile(resolve(process.env.INIT_CWD ?? ".", json), `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`${formatTable(result)}\n`);
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof TypeError && "message" in error && error.message.includes("pnpm bench");
  const isOption = (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
  say(
    isUsage || isOption ? `${(error as Error).message}${isOption ? `\n${USAGE}` : ""}` : String((error as Error).stack),
  );
  process.exitCode = isUsage || isOption ? 2 : 1;
}
