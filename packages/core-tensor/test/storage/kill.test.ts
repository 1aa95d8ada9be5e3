import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitGeneration, openGeneration, openStorage, removeUnreferenced } from "../../src/storage/index.js";

// The real thing: a process that is killed, or whose disk fails, at its n-th storage call, for n = 1, 2, 3 … until it ends unhurt.
let work: string;
beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), "kill-"));
  const source = fileURLToPath(new URL("../../src/storage/index.ts", import.meta.url));
  await build({
    entry: { storage: source },
    outDir: work,
    outExtension: () => ({ js: ".mjs" }),
    format: "esm",
    config: false,
    dts: false,
    silent: true,
    platform: "node",
  });
  writeFileSync(
    join(work, "commit.mjs"),
    `import { commitGeneration, openStorage, removeUnreferenced } from "./storage.mjs";
const storage = openStorage();
const folder = process.argv[2];
try {
  await removeUnreferenced(storage, folder);
  const log = await storage.openLog(folder + "/log.jsonl");
  await log.append('{"text":"new"}\\n');
  await log.sync();
  await log.close();
  await commitGeneration(storage, folder, { parts: new Map([["a.bin", new Uint8Array(100_000).fill(2)], ["b.bin", new Uint8Array(10).fill(2)]]), state: { text: "new" } });
} catch (error) {
  console.error(error.name + ": " + error.message);
  process.exit(error.code === "LOWBIT_STORAGE" ? 74 : 70);
}`,
  );
});
afterAll(() => rmSync(work, { recursive: true }));

async function textIn(folder: string): Promise<unknown> {
  const open = await openGeneration(openStorage(), folder);
  const state = open?.state as { text: string };
  for (const name of open?.partNames ?? [])
    expect(new Set(await open?.part(name))).toEqual(new Set([state.text === "new" ? 2 : 1]));
  return state.text;
}

describe("a process that commits a generation", () => {
  it.each([
    ["kill", null],
    ["ENOSPC", 74],
    ["EIO", 74],
  ] as const)(
    "hit by %s at any storage call leaves the old one or the new, whole, and nothing stray after the next start",
    async (fault, exitCode) => {
      const template = join(work, "template");
      rmSync(template, { recursive: true, force: true });
      const parts = new Map([
        ["a.bin", new Uint8Array(50).fill(1)],
        ["b.bin", new Uint8Array(10).fill(1)],
      ]);
      await commitGeneration(openStorage(), template, { parts, state: { text: "old" } });
      const seen = new Set<unknown>();
      let points = 0;
      for (let n = 1; ; n++) {
        const folder = join(work, "folder");
        rmSync(folder, { recursive: true, force: true });
        cpSync(template, folder, { recursive: true });
        const child = spawnSync(process.execPath, [join(work, "commit.mjs"), folder], {
          env: { ...process.env, LOWBIT_FAULT: `${fault}@${n}` },
          encoding: "utf8",
        });
        const wasHit = child.stderr.includes(`LOWBIT_FAULT: ${fault} at storage call ${n}`);
        const text = await textIn(folder);
        seen.add(text);
        if (!wasHit) {
          expect([child.status, child.stderr, text]).toEqual([0, "", "new"]);
          break;
        }
        points++;
        if (fault === "kill") expect(child.signal).toBe("SIGKILL");
        else if (child.status !== 0) {
          expect(child.status).toBe(exitCode);
          expect(child.stderr).toMatch(fault === "ENOSPC" ? /the disk is full/ : /the disk reported a failure/);
        } else expect(text).toBe("new"); // hit while removing what the commit left behind
        await removeUnreferenced(openStorage(), folder);
        expect(readdirSync(folder).filter((name) => name !== "log.jsonl")).toHaveLength(3);
      }
      expect(seen).toEqual(new Set(["old", "new"]));
      expect(points).toBeGreaterThan(35);
    },
  );
});
