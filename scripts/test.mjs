// Sets up, checks and tests everything: `npm test`. Names of files after `--` are passed on to vitest.
// `--tests-only` leaves out the set-up and the checks: CI uses it to run the tests again on another Node.
import { runChecks } from "./check.mjs";
import { formatCounts } from "./count-line.mjs";
import { runTests } from "./run-tests.mjs";
import { setUp } from "./setup.mjs";

const testsOnly = process.argv.includes("--tests-only");
const args = process.argv.slice(2).filter((arg) => arg !== "--tests-only");

/** Checks count like tests: each of them passes or fails. */
async function testEverything() {
  if (testsOnly) return runTests(args);
  await setUp();
  const checks = await runChecks();
  const tests = await runTests(args);
  return {
    passed: checks.passed + tests.passed,
    failed: checks.failed.length + tests.failed,
    skipped: tests.skipped,
    failures: [...checks.failed, ...tests.failures],
  };
}

const { failures, ...counts } = await testEverything().catch((error) => {
  return { passed: 0, failed: 1, skipped: 0, failures: [error.message] };
});
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
process.stdout.write(`${formatCounts(counts)}\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;
