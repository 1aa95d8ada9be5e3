#!/usr/bin/env node
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CeilingMeter } from "./measure/ceiling.js";
import { currentCommit, describeMachine } from "./measure/machine.js";
import {
  compareTrainingMemory,
  formatTrainingMemory,
  measureTrainingMemory,
} from "./memory/compare-training-memory.js";
import type { BuildName } from "./ours/available-builds.js";
import { profileInference } from "./profile/profile-inference.js";
import { profileTraining } from "./profile/profile-training.js";
import { startResult } from "./report/result.js";
import { formatTable } from "./report/table.js";
import { formatSimulatorTimes, timeSimulator } from "./simulator/time-simulator.js";
import { inferSuite } from "./suites/infer-suite.js";
import { kernelsSuite } from "./suites/kernels-suite.js";
import { recurrentSuite } from "./suites/recurrent-suite.js";
import type { Suite } from "./suites/suite.js";
import { trainSuite } from "./suites/train-suite.js";

const suites = new Map<string, Suite>(
  [kernelsSuite, trainSuite, inferSuite, recurrentSuite].map((suite) => [suite.name, suite]),
);
const USAGE = `pnpm bench <${[...suites.keys()].join("|")}|memory|simulate|profile|profile-infer> [--json FILE] [--threads N] [--only TEXT] [--build portable|relaxed]`;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

function readBuild(text: string | undefined): BuildName | undefined {
  if (text === undefined || text === "portable" || text === "relaxed") return text;
  throw new TypeError(USAGE);
}

function readCommandLine() {
  const options = {
    json: { type: "string" },
    threads: { type: "string", default: "1" },
    only: { type: "string" },
    build: { type: "string" },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const threads = Number(values.threads);
  const { json, only, build } = values;
  if (positionals.length !== 1 || !Number.isInteger(threads) || threads < 1) throw new TypeError(USAGE);
  return { name: positionals[0], threads, json, only, build: readBuild(build) };
}

/** pnpm runs this in its own folder; INIT_CWD is where it was called. */
function writeJson(file: string, value: unknown): Promise<void> {
  return writeFile(resolve(process.env.INIT_CWD ?? ".", file), `${JSON.stringify(value, null, 2)}\n`);
}

async function main(): Promise<void> {
  const { name, threads, json, only, build } = readCommandLine();
  if (name === "profile") {
    process.stdout.write(`${await profileTraining({ threads, only, build })}\n`);
    return;
  }
  if (name === "profile-infer") {
    process.stdout.write(`${await profileInference({ threads, only, build })}\n`);
    return;
  }
  if (name === "simulate") {
    const command = `pnpm bench simulate${only ? ` --only ${only}` : ""}`;
    const run = { suite: name, command, commit: currentCommit(), date: new Date().toISOString() };
    const rows = timeSimulator({ only, progress: say });
    if (json) await writeJson(json, { ...run, machine: describeMachine(), rows });
    process.stdout.write(`${formatSimulatorTimes(rows)}\n`);
    return;
  }
  if (name === "memory") {
    await reportTrainingMemory(json, only);
    return;
  }
  const suite = suites.get(name);
  if (!suite) throw new TypeError(`there is no suite "${name}"\n${USAGE}`);
  const command = [
    ...["pnpm bench", name, threads > 1 && `--threads ${threads}`],
    ...[only && `--only ${only}`, build && `--build ${build}`],
  ];
  const finish = startResult(name, command.filter(Boolean).join(" "));
  const meter = new CeilingMeter();
  const rows = await suite.run({ threads, meter, only, build, progress: say });
  const result = finish(rows, meter.ceiling());
  if (json) await writeJson(json, result);
  process.stdout.write(`${formatTable(result)}\n`);
}

/** `--only w2a2/packed` measures that row in this process and prints it as JSON; the whole table runs one process a row. */
async function reportTrainingMemory(json: string | undefined, only: string | undefined): Promise<void> {
  if (only !== undefined) {
    const [precision, form] = only.split("/") as [string, "packed" | "recomputed" | "fp32"];
    process.stdout.write(JSON.stringify(await measureTrainingMemory(precision, form)));
    return;
  }
  const command = `pnpm bench ${process.argv.slice(2).join(" ")}`;
  const run = { suite: "memory", command, commit: currentCommit(), date: new Date().toISOString() };
  const rows = await compareTrainingMemory(process.argv[1]);
  if (json) await writeJson(json, { ...run, machine: describeMachine(), rows });
  process.stdout.write(`${formatTrainingMemory(rows)}\n`);
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
