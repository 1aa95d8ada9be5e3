import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../workspace.js";
import { checkFigures, sized } from "./figures.js";
import { folderContent, folderState, strayFiles } from "./folder-content.js";
import { type ChildOptions, type ChildResult, inPairs, runChild } from "./run-child.js";

// Goal G1: a process killed with SIGKILL, at a storage call or at any moment, leaves a folder from which the next one goes on as
// if nothing had happened: not a byte differs in weights, optimiser, log and state, nor in the result that is printed.

const work = mkdtempSync(join(tmpdir(), "reliability-kill-"));
afterAll(() => rmSync(work, { recursive: true }));

/** A program that can be killed and started again, told where to write. */
interface Killable {
  readonly name: string;
  readonly start: (out: string, options?: ChildOptions) => Promise<ChildResult>;
  /** It goes on with what it finds. One that does not has nothing to do where the folder is whole, and begins anew elsewhere. */
  readonly resumes: boolean;
  /** Every so many storage calls one kill: 1 is every call. */
  readonly every: number;
  /** Kills at moments that have nothing to do with storage. */
  readonly atRandom: number;
}

const lowbit = join(root, "packages/cli/dist/main.js");
const tiny = fileURLToPath(new URL("programs/train-tiny.mjs", import.meta.url));
const trained = join(work, "trained");
const training = ["--model", "mlp", "--data", "fashion-mnist-mini", "--precision", "w2a2", "--epochs", "1"];
const small = ["--limit", "64", "--threads", "1", "--backend", "js"];

const killables: readonly Killable[] = [
  {
    name: "nn.train, a checkpoint after every step",
    start: (out, options) => runChild(tiny, [out], options),
    resumes: true,
    every: sized(10, 1),
    atRandom: sized(8, 200),
  },
  {
    name: "lowbit train",
    start: (out, options) =>
      runChild(lowbit, ["train", ...training, ...small, "--out", out, "--resume", "--json"], options),
    resumes: true,
    every: sized(30, 2),
    atRandom: sized(2, 20),
  },
  {
    name: "lowbit convert",
    start: (out, options) => runChild(lowbit, ["convert", trained, "--out", out, "--backend", "js", "--json"], options),
    resumes: false,
    every: sized(8, 1),
    atRandom: sized(2, 20),
  },
];

beforeAll(async () => {
  const child = await runChild(lowbit, ["train", ...training, ...small, "--out", trained, "--json"]);
  expect(child, child.stderr).toMatchObject({ code: 0 });
});

const total = { points: 0, callKills: 0, kills: 0, killedTwice: 0, states: 0, resumed: 0 };
const violations = { differentBytes: 0, strayFiles: 0, failedToResume: 0 };

/** Whole numbers below `limit`, the same in every run. */
function* fixedNumbers(limit: number): Generator<number> {
  for (let state = 12345; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state % limit;
  }
}

describe.each(killables)("$name", ({ name, start, resumes, every, atRandom }) => {
  it(
    "ends as if it had never been killed",
    async () => {
      const folder = (label: string): string => join(work, `${name.replace(/\W+/g, "-")}-${label}`);
      const whole = folder("whole");
      const began = performance.now();
      const uninterrupted = await start(whole);
      const duration = performance.now() - began;
      expect(uninterrupted, uninterrupted.stderr).toMatchObject({ code: 0 });
      const expected = await folderContent(whole);
      expect(Object.keys(expected).length).toBeGreaterThan(1);
      const result = uninterrupted.stdout.replaceAll(whole, "OUT");

      /** Started again until it ends; what it leaves is compared with the run that nobody killed. */
      const goOn = async (out: string): Promise<void> => {
        total.resumed++;
        if (resumes || Object.keys(await folderContent(out)).length === 0) {
          const child = await start(out);
          if (child.code !== 0) {
            violations.failedToResume++;
            expect(child.stderr, `${name}, started again in ${out}`).toBe("");
          }
          if (child.stdout.replaceAll(out, "OUT") !== result) violations.differentBytes++;
        }
        const found = await folderContent(out);
        for (const part of new Set([...Object.keys(expected), ...Object.keys(found)])) {
          if (found[part] !== expected[part]) violations.differentBytes++;
        }
        violations.strayFiles += strayFiles(out).length;
      };

      // A run goes on from what it finds: folders that are alike need to be gone on from only once.
      const seen = new Set<string>();
      let end = Number.POSITIVE_INFINITY;
      const callNumbers = function* (): Generator<number> {
        for (let n = 1; n < end; n += every) yield n;
      };
      await inPairs(callNumbers(), async (n) => {
        const out = folder(`call-${n}`);
        const killed = await start(out, { env: { LOWBIT_FAULT: `kill@${n}` } });
        const wasHit = killed.stderr.includes(`LOWBIT_FAULT: kill at storage call ${n},`);
        if (!wasHit) {
          expect(
            killed,
            `${name} without a fault, for it ends before storage call ${n}: ${killed.stderr}`,
          ).toMatchObject({ code: 0 });
          end = Math.min(end, n);
          return;
        }
        expect(killed.signal).toBe("SIGKILL");
        total.callKills++;
        total.kills++;
        const state = folderState(out);
        if (!seen.has(state)) {
          seen.add(state);
          if (seen.size % 5 === 0) {
            const again = folder(`call-${n}-twice`);
            cpSync(out, again, { recursive: true });
            const twice = await start(again, { env: { LOWBIT_FAULT: `kill@${n}` } });
            if (twice.signal === "SIGKILL") total.killedTwice++;
            await goOn(again);
            rmSync(again, { recursive: true });
          }
          await goOn(out);
        }
        rmSync(out, { recursive: true, force: true });
      });
      total.points += end - every; // the last call that a kill hit, or one less than `every` before it
      total.states += seen.size;

      const moments = fixedNumbers(1000);
      await inPairs(
        Array.from({ length: atRandom }, (_, i) => i),
        async (i) => {
          const out = folder(`moment-${i}`);
          const killAfter = (duration * 1.1 * Number(moments.next().value)) / 1000;
          const killed = await start(out, { killAfter });
          if (killed.signal === "SIGKILL") total.kills++;
          await goOn(out);
          rmSync(out, { recursive: true });
        },
      );
      expect(violations).toEqual({ differentBytes: 0, strayFiles: 0, failedToResume: 0 });
    },
    sized(900_000, 3_600_000),
  );
});

it("has the figures of reliability.json", () => {
  const { points, callKills, kills, killedTwice, states, resumed } = total;
  // How many of the kills at random moments come before the end is up to the machine.
  const tried = { storageCalls: points, killsAtStorageCalls: callKills };
  checkFigures("G1", { tried, violations, measured: { kills, killedTwice, distinctFolders: states, resumed } });
});
