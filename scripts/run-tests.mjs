import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { root, runInstalled } from "./run-program.mjs";

const report = `${root}/node_modules/.cache/vitest-report.json`;

/** Counts a report of vitest. A file that did not even load has no test to fail: it counts as one failure. */
function countReport({ testResults, numPassedTests, numFailedTests, numPendingTests, numTodoTests }) {
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;
  return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests + numTodoTests };
}

/**
 * Runs vitest with the Node that runs us.
 *
 * @param args  what vitest takes: names of files, `-t` and a pattern
 * @returns  how many tests passed, failed and were skipped; at least one failed where vitest says that something did
 */
export async function runTests(args) {
  mkdirSync(`${root}/node_modules/.cache`, { recursive: true });
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const code = await runInstalled("vitest/vitest.mjs", ["run", ...reporters, ...args]);
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const counts = countReport(JSON.parse(readFileSync(report, "utf8")));
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}
