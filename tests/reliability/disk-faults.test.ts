import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  commitGeneration,
  createMemoryDisk,
  type DiskEvent,
  type Fault,
  type MemoryDisk,
  powerCuts,
  recordDisk,
  removeUnreferenced,
  type Storage,
} from "@lowbit/core-tensor/storage";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../workspace.js";
import { checkFigures, sized } from "./figures.js";
import { checkpointIn, FOLDER, quietStorage, trainTiny } from "./tiny-training.js";

// Goal G2: a disk that fails at any call, in any way, leaves the old content or the new; so does a power cut at any moment, whatever
// of the unsynced content is lost then. The next start leaves nothing stray.

const violations = { oldContentLost: 0, tornAccepted: 0, strayFiles: 0, untypedErrors: 0, failedToGoOn: 0 };
const faults: readonly Fault[] = ["ENOSPC", "EIO", "EROFS", "EMFILE", "EACCES", "short"];
let faultPoints = 0;
let powerCutStates = 0;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const contentOf = (text: string) => ({
  parts: new Map([
    ["a.bin", bytes(text)],
    ["b.bin", bytes(text + text)],
  ]),
  state: { text },
});

/** Something that changes a folder, from one state that is whole to others. */
interface Operation {
  readonly name: string;
  /** Every so many calls one fault. */
  readonly every: number;
  readonly before: (storage: Storage) => Promise<void>;
  /** Tells each time that a change has been made for good. */
  readonly run: (storage: Storage, committed?: () => Promise<void>) => Promise<void>;
  /** Files that are right to be there at the end. */
  readonly files: number;
}

const operations: readonly Operation[] = [
  {
    name: "a commit over another",
    every: 1,
    before: async (storage) => void (await commitGeneration(storage, FOLDER, contentOf("old"))),
    run: async (storage, committed) => {
      await commitGeneration(storage, FOLDER, contentOf("new"));
      await committed?.();
    },
    files: 3,
  },
  {
    name: "a training run",
    every: sized(5, 1),
    before: async () => undefined,
    run: (storage, committed) =>
      trainTiny(storage, { onStart: () => committed?.(), onCheckpoint: () => committed?.() }),
    files: 4,
  },
  {
    name: "a file replaced",
    every: 1,
    before: (storage) => storage.makeFolder(FOLDER).then(() => storage.writeAtomic(`${FOLDER}/file`, "old content")),
    run: async (storage, committed) => {
      await storage.writeAtomic(`${FOLDER}/file`, "new content, longer");
      await committed?.();
    },
    files: 1,
  },
];

/** What is there: a checkpoint's content, or for a plain file its text. */
async function lookAt(storage: Storage, operation: Operation): Promise<string> {
  if (operation.files > 1) return checkpointIn(storage);
  return new TextDecoder().decode(await storage.read(`${FOLDER}/file`));
}

async function prepared({ before }: Operation): Promise<MemoryDisk> {
  const disk = createMemoryDisk();
  await before(quietStorage({ disk }));
  return disk;
}

/** Every content that a run without faults leaves on its way, the one before it first. */
async function contentsOnTheWay(operation: Operation): Promise<string[]> {
  const disk = await prepared(operation);
  const storage = quietStorage({ disk });
  const contents = [await lookAt(storage, operation)];
  await operation.run(storage, async () => void contents.push(await lookAt(storage, operation)));
  return contents;
}

describe.each(operations)("$name", (operation) => {
  it.each(
    faults.flatMap(
      (fault) =>
        [
          [fault, "once"],
          [fault, "from then on"],
        ] as const,
    ),
  )("meets %s %s at any call", async (fault, when) => {
    const allowed = await contentsOnTheWay(operation);
    const last = allowed[allowed.length - 1];
    for (let n = 1 + (faults.indexOf(fault) % operation.every), met = true; met; n += operation.every) {
      met = false;
      const disk = await prepared(operation);
      const failing = quietStorage({
        disk,
        faults: ({ index }) => {
          if (index !== n && !(when === "from then on" && index > n)) return undefined;
          met = true;
          return fault;
        },
      });
      const error = await operation.run(failing).then(
        () => undefined,
        (caught) => caught,
      );
      if (!met) break;
      faultPoints++;
      if (error !== undefined && error.code !== "LOWBIT_STORAGE") violations.untypedErrors++;
      const clean = quietStorage({ disk });
      const found = await lookAt(clean, operation).catch(() => "damaged");
      if (!(error === undefined ? [last] : allowed).includes(found)) violations.oldContentLost++;
      await removeUnreferenced(clean, FOLDER);
      await operation.run(clean).catch(() => violations.failedToGoOn++);
      if ((await lookAt(clean, operation)) !== last) violations.failedToGoOn++;
      if (disk.files().size !== operation.files) violations.strayFiles++;
    }
    expect(violations).toEqual({
      oldContentLost: 0,
      tornAccepted: 0,
      strayFiles: 0,
      untypedErrors: 0,
      failedToGoOn: 0,
    });
  });

  it("survives a power cut at any moment, whatever is lost", async () => {
    const events: DiskEvent[] = [];
    const storage = quietStorage({ disk: recordDisk(createMemoryDisk(), events) });
    await operation.before(storage);
    const contents = await contentsOnTheWay(operation);
    const returned = [events.length]; // contents[i] had been reported as written once so many events were done
    await operation.run(storage, async () => void returned.push(events.length));
    expect(returned).toHaveLength(contents.length);
    const from = operation.name === "a training run" ? 0 : returned[0];
    for (const { after, files } of powerCuts(events)) {
      if (after < from) continue;
      powerCutStates++;
      const disk = createMemoryDisk(new Map([[`${FOLDER}/.keep`, new Uint8Array(0)], ...files]));
      const afterwards = quietStorage({ disk });
      const found = await lookAt(afterwards, operation).catch(() => "damaged");
      const least = returned.filter((at, i) => i > 0 && at <= after).length;
      if (!contents.slice(least).includes(found)) violations.tornAccepted++;
      await removeUnreferenced(afterwards, FOLDER);
      const strays = [...disk.files().keys()].filter((path) => /lowbit-tmp/.test(path));
      violations.strayFiles += strays.length;
    }
    expect(violations).toMatchObject({ tornAccepted: 0, strayFiles: 0 });
  });
});

describe("a disk that is really full", () => {
  const work = mkdtempSync(join(tmpdir(), "reliability-disk-"));
  afterAll(() => rmSync(work, { recursive: true }));
  const training = `${process.execPath} ${join(root, "packages/cli/dist/main.js")} train --model mlp --data fashion-mnist-mini --epochs 1 --limit 32 --threads 1 --backend js --no-progress`;
  const shell = (command: string, args: readonly string[] = []) =>
    spawnSync(args[0] ?? "sh", [...args.slice(1), ...(args.length > 0 ? ["sh"] : []), "-c", command], {
      encoding: "utf8",
      timeout: 600_000,
    });

  it.skipIf(process.platform === "win32")("a limit on the size of files: told, and nothing left", () => {
    const out = join(work, "limited");
    const { status, stderr } = shell(`ulimit -f 200; exec ${training} --out ${out}`);
    expect([status, stderr]).toEqual([74, expect.stringMatching(/larger than it may be here \(EFBIG\)/)]);
    expect(stderr).not.toMatch(/ {4}at /);
    expect(existsSync(out)).toBe(false);
  });

  const namespace = ["unshare", "--user", "--map-root-user", "--mount"];
  const mount = (size: string): string => `mount -t tmpfs -o size=${size} none ${work}`;
  const canMount = process.platform === "linux" && shell(mount("64k"), namespace).status === 0; // not everywhere may a user mount
  it.skipIf(!canMount)("a small file system: told, and nothing left", () => {
    const { status, stdout, stderr } = shell(
      `${mount("256k")} && { ${training} --out ${work}/run; echo "exit $?"; ls -A ${work}; }`,
      namespace,
    );
    expect([status, stdout]).toEqual([0, "exit 74\n"]);
    expect(stderr).toMatch(/the disk is full \(ENOSPC\)/);
  });
});

it("has the figures of reliability.json", () => {
  checkFigures("G2", { tried: { faultPoints, powerCutStates }, violations });
  expect(powerCutStates).toBeLessThan(5000);
});
