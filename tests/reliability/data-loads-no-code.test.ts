import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../workspace.js";
import { bundleProgram } from "./bundle-program.js";
import { checkFigures, sized } from "./figures.js";
import type { GuardReport } from "./hostile/guard-process.js";
import { runChild } from "./run-child.js";

// Goals G5 and G7: opening data loads no module, makes no code, starts no process and opens no connection, whatever the data say; and
// it changes nothing that all objects share. Everything works where code can't be made of text and prototypes can't be changed.

const work = mkdtempSync(join(tmpdir(), "reliability-guard-"));
afterAll(() => rmSync(work, { recursive: true }));

const filesPerFormat = sized(100, 1000);
const violations = { modulesLoaded: 0, codeMade: 0, processesStarted: 0, connections: 0, namesResolved: 0, evilRan: 0 };
const pollution = { changedPrimordials: 0, untypedErrors: 0 };
let opened = 0;
let openedFrozen = 0;
const greenVerbs = new Set<string>();

interface Seen extends GuardReport {
  readonly opened: number;
  readonly untyped: number;
  readonly resolved: number;
  readonly changedPrimordials: number;
  /** Of the four kinds of things to see, those that were seen when they were done on purpose. */
  readonly guardSees: number;
}

describe("hostile files of every format", () => {
  let program: string;
  beforeAll(async () => {
    program = await bundleProgram("hostile/open-under-guard.ts", work);
    const evil = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(join(work, "evil-ran"))}, "");`;
    for (const name of ["lowbit-quantizer-evil", "@evil/quantizer", "evil"]) {
      const folder = join(work, "node_modules", name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), JSON.stringify({ name, type: "module", main: "index.js" }));
      writeFileSync(join(folder, "index.js"), evil);
    }
    writeFileSync(join(work, "evil.mjs"), evil);
  });

  const open = async (flags: readonly string[]): Promise<Seen> => {
    const child = await runChild(program, [String(filesPerFormat)], {
      cwd: work,
      flags: ["--no-warnings", ...flags],
      timeout: sized(200, 1800),
    });
    expect(child, child.stderr.slice(0, 2000)).toMatchObject({ code: 0, timedOut: false });
    return JSON.parse(child.stdout);
  };

  it(
    "run nothing, and change no prototype",
    async () => {
      const seen = await open([]);
      expect(seen).toMatchObject({
        untyped: 0,
        resolved: 0,
        changedPrimordials: 0,
        guardSees: 4,
        modulesLoaded: [],
        codeMade: [],
        processesStarted: [],
        connections: [],
      });
      opened = seen.opened;
      violations.modulesLoaded = seen.modulesLoaded.length;
      violations.codeMade = seen.codeMade.length;
      violations.processesStarted = seen.processesStarted.length;
      violations.connections = seen.connections.length;
      violations.namesResolved = seen.resolved;
      pollution.changedPrimordials += seen.changedPrimordials;
      pollution.untypedErrors += seen.untyped;
    },
    sized(300_000, 3_600_000),
  );

  it(
    "are answered alike where prototypes are frozen and have no __proto__",
    async () => {
      const seen = await open([
        "--disable-proto=throw",
        "--frozen-intrinsics",
        "--disallow-code-generation-from-strings",
      ]);
      expect(seen).toMatchObject({ untyped: 0, resolved: 0, changedPrimordials: 0 });
      openedFrozen = seen.opened;
    },
    sized(300_000, 3_600_000),
  );
});

describe("every verb is green without code from text, with frozen prototypes and no __proto__", () => {
  const flags = [
    "--disable-proto=throw",
    "--frozen-intrinsics",
    "--disallow-code-generation-from-strings",
    "--no-warnings",
  ];
  const [trained, packed] = [join(work, "trained"), join(work, "packed")];
  const training = "--model simple-cnn --data fashion-mnist-mini --precision w2a2 --epochs 1 --limit 32 --threads 2";

  it.each([
    "list quantizers --json",
    "doctor --json",
    "schema",
    "data info fashion-mnist-mini --json",
    `train ${training} --out ${trained} --json`,
    `convert ${trained} --out ${packed} --json`,
    `eval ${packed} --limit 20 --json`,
    `inspect ${trained} --json`,
    `predict ${join(root, "packages/cli/assets/ankle-boot.png")} --model ${packed} --json`,
  ])("%s", async (line) => {
    const child = await runChild(join(root, "packages/cli/dist/main.js"), line.split(" "), { flags, cwd: work });
    expect(child, child.stderr).toMatchObject({ code: 0 });
    expect(() => JSON.parse(child.stdout)).not.toThrow();
    greenVerbs.add(line.split(" ")[0]);
  });
});

it("has the figures of reliability.json", () => {
  violations.evilRan = existsSync(join(work, "evil-ran")) ? 1 : 0;
  checkFigures("G5", { tried: { filesOpened: opened, greenVerbs: greenVerbs.size }, violations });
  checkFigures("G7", {
    tried: { filesOpened: opened, filesOpenedFrozen: openedFrozen, greenVerbs: greenVerbs.size },
    violations: pollution,
  });
});
