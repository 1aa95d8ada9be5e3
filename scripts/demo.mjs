// The main job on embedded data: `npm run demo`, or `npm run demo -- --quick`. Options are those of `lowbit demo`.
import { root, runProgram } from "./run-program.mjs";
import { setUp } from "./setup.mjs";

try {
  await setUp();
  process.exitCode = await runProgram(process.execPath, [
    `${root}/packages/cli/dist/main.js`,
    "demo",
    ...process.argv.slice(2),
  ]);
} catch (error) {
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
}
