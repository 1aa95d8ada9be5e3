import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { root, runInstalled } from "./run-program.mjs";

const report = `${root}/node_modules/.cache/vitest-report.json`;

/** What failed, by file and test. A file that did not even load has no test to fail: it counts as one failure. */
function failuresOf({ name, status, assertionResults }) {
  const file = relative(root, name);
  const failed = assertionResults.filter((test) => test.status === "failed");
  if (failed.length > 0) return failed.map(({ fullName }) => `${file} > ${fullName}`);
  return status === "failed" ? [file] : [];
}

/**
 * Runs vitest with the Node that runs us.
 *
 * @param args  what vitest takes: names of files, `-t` and a pattern
 * @returns  how many tests passed, failed and were skipped, at least one failed where vitest says that something did; and
 *   the names of those that failed, which end what is printed: an end is what is kept of a long log
 */
export async function runTests(args) {
  mkdirSync(`${root}/node_modules/.cache`, { recursive: true });
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const code = await runInstalled("vitest/vitest.mjs", ["run", ...reporters, ...args]);
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0, failures: ["vitest wrote no report"] };
  const { testResults, numPassedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
  const failures = testResults.flatMap(failuresOf);
  if (code !== 0 && failures.length === 0) failures.push("vitest failed, and no test did: an error outside of tests");
  return { passed: numPassedTests, failed: failures.length, skipped: numPendingTests + numTodoTests, failures };
}
