import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StorageError } from "../../src/graph/errors.js";
import { openStorage as openPageStorage } from "../../src/storage/browser.js";
import {
  createMemoryDisk,
  type Fault,
  folderOf,
  hasErrno,
  nameOf,
  onReserve,
  openStorage,
  parseFaultPlan,
  removeStrayTemporaries,
  reserve,
  type Storage,
  sha256,
} from "../../src/storage/index.js";
import { createNodeDisk } from "../../src/storage/node-disk.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "storage-test-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const errno = (code: string) =>
  expect.objectContaining({ code: "LOWBIT_STORAGE", got: expect.objectContaining({ errno: code }) });

describe.each<[string, () => { storage: Storage; folder: string }]>([
  ["on this machine", () => ({ storage: openStorage(), folder: root })],
  [
    "in memory",
    () => ({
      storage: openPageStorage({ disk: createMemoryDisk(new Map([["/root/.keep", new Uint8Array(0)]])) }),
      folder: "/root",
    }),
  ],
])("storage %s", (_, open) => {
  it("writes, reads, lists, renames and removes", async () => {
    const { storage, folder } = open();
    expect(await storage.makeFolder(`${folder}/a/b`)).toBe(true);
    expect(await storage.makeFolder(`${folder}/a/b/`)).toBe(false);
    await storage.writeAtomic(`${folder}/a/b/one`, "first");
    await storage.writeAtomic(`${folder}/a/b/one`, "second");
    await storage.writeNew(`${folder}/a/b/two`, bytesOf("2"));
    await expect(storage.writeNew(`${folder}/a/b/two`, bytesOf("3"))).rejects.toThrow(errno("EEXIST"));
    expect(textOf(await storage.read(`${folder}/a/b/two`))).toBe("2");
    expect(await storage.list(`${folder}/a/b`)).toEqual([
      { name: "one", kind: "file" },
      { name: "two", kind: "file" },
    ]);
    expect(textOf(await storage.read(`${folder}/a/b/one`))).toBe("second");
    expect(textOf(await storage.readRange(`${folder}/a/b/one`, { start: 1, bytes: 3 }))).toBe("eco");
    await storage.rename(`${folder}/a/b/one`, `${folder}/a/three`);
    expect(await storage.status(`${folder}/a/three`)).toEqual({ kind: "file", bytes: 6 });
    expect((await storage.status(`${folder}/a`))?.kind).toBe("folder");
    await storage.remove(`${folder}/a/b/two`);
    await storage.removeFolder(`${folder}/a/b`);
    expect(await storage.exists(`${folder}/a/b`)).toBe(false);
    await expect(storage.removeFolder(`${folder}/a`)).rejects.toThrow(errno("ENOTEMPTY"));
  });

  it("says what is wrong, with what, and what helps", async () => {
    const { storage, folder } = open();
    await storage.writeAtomic(`${folder}/file`, "x".repeat(10));
    await expect(storage.read(`${folder}/none`)).rejects.toSatisfy((error) => hasErrno(error, "ENOENT"));
    await expect(storage.read(`${folder}/none/deeper`)).rejects.toThrow(errno("ENOENT"));
    await expect(storage.list(`${folder}/none`)).rejects.toThrow(errno("ENOENT"));
    await expect(storage.list(`${folder}/file`)).rejects.toThrow(errno("ENOTDIR"));
    await expect(storage.read(folder)).rejects.toThrow(errno("EISDIR"));
    await expect(storage.writeAtomic(folder, "x")).rejects.toThrow(errno("EISDIR"));
    await expect(storage.makeFolder(`${folder}/file/below`)).rejects.toThrow(errno("ENOTDIR"));
    await expect(storage.makeFolder(`${folder}/file`)).rejects.toThrow(/it is a file, not a folder/);
    await expect(storage.read(`${folder}/file`, { limit: 9 })).rejects.toThrow(/10 bytes are more than the 9 allowed/);
    for (const range of [
      { start: 8, bytes: 3 },
      { start: 11, bytes: 0 },
      { start: -1, bytes: 1 },
      { start: 0, bytes: Number.NaN },
      { start: 2 ** 60, bytes: 1 },
    ])
      await expect(storage.readRange(`${folder}/file`, range)).rejects.toThrow(/outside the file of 10 bytes/);
    await expect(storage.read(`${folder}/none`)).rejects.toThrow(
      /^can't read ".*none": there is no such file or folder \(ENOENT\)\n {2}where {2}.*none$/,
    );
  });

  it("cuts a log back to where it was saved, and goes on from there", async () => {
    const { storage, folder } = open();
    const log = await storage.openLog(`${folder}/log`);
    await log.append("one\n");
    await log.sync();
    const saved = log.offset;
    await log.append("two\n");
    await log.close();
    const again = await storage.openLog(`${folder}/log`, { offset: saved });
    await again.append("three\n");
    await again.close();
    expect(textOf(await storage.read(`${folder}/log`))).toBe("one\nthree\n");
    const end = await storage.openLog(`${folder}/log`);
    expect(end.offset).toBe(10);
    await end.close();
    await expect(storage.openLog(`${folder}/log`, { offset: 11 })).rejects.toThrow(
      /the log has 10 bytes, the checkpoint that goes with it knows of 11/,
    );
  });

  it("removes stray temporaries and nothing else", async () => {
    const { storage, folder } = open();
    for (const name of [".a.1-2.lowbit-tmp", "a.lowbit-tmp", ".a", "b"])
      await storage.writeNew(`${folder}/${name}`, bytesOf("x"));
    expect(await removeStrayTemporaries(storage, folder)).toEqual([".a.1-2.lowbit-tmp"]);
    expect(await removeStrayTemporaries(storage, `${folder}/none`)).toEqual([]);
    expect((await storage.list(folder)).filter(({ name }) => name !== ".keep").map(({ name }) => name)).toEqual([
      ".a",
      "a.lowbit-tmp",
      "b",
    ]);
  });
});

describe("storage on this machine", () => {
  it("refuses links where told, devices and pipes always", async () => {
    const storage = openStorage();
    writeFileSync(`${root}/file`, "x");
    symlinkSync(`${root}/file`, `${root}/link`);
    mkdirSync(`${root}/folder`);
    symlinkSync(`${root}/folder`, `${root}/folder-link`);
    expect(textOf(await storage.read(`${root}/link`))).toBe("x");
    await expect(storage.read(`${root}/link`, { followLink: false })).rejects.toThrow(errno("ELOOP"));
    expect((await storage.list(root)).map(({ kind }) => kind)).toEqual(["file", "folder", "link", "link"]);
    await expect(storage.read("/dev/zero")).rejects.toThrow(errno("EINVAL"));
    await expect(storage.writeAtomic("/dev/full", "x")).rejects.toThrow(errno("EINVAL"));
    execFileSync("mkfifo", [`${root}/pipe`]);
    await expect(storage.read(`${root}/pipe`)).rejects.toThrow(errno("EINVAL"));
  });

  it("meets a full disk as the kernel reports it", async () => {
    const file = await createNodeDisk().open("/dev/full", "update");
    await expect(file.write(new Uint8Array(1), 0)).rejects.toThrow(/ENOSPC/);
    await file.close();
  });

  it("refuses names with a NUL", async () => {
    await expect(openStorage().read("a\0b")).rejects.toBeInstanceOf(StorageError);
  });
});

/** Runs `work` with the fault at call 1, 2, 3 … until a run does not reach it; returns how many calls there were. */
async function atEveryCall(
  work: (storage: Storage) => Promise<unknown>,
  fault: Fault,
  check: (error: unknown) => Promise<void>,
): Promise<number> {
  for (let n = 1; ; n++) {
    let met = false;
    const storage = openStorage({
      faults: ({ index }) => {
        if (index !== n) return undefined;
        met = true;
        return fault;
      },
    });
    let error: unknown;
    try {
      await work(storage);
    } catch (caught) {
      error = caught;
    }
    await check(error);
    if (!met) return n - 1;
  }
}

describe("faults", () => {
  it.each<[Fault, RegExp]>([
    ["ENOSPC", /the disk is full/],
    ["EIO", /the disk reported a failure/],
    ["EROFS", /the file system is read-only/],
    ["EMFILE", /too many files are open/],
    ["EACCES", /permission denied/],
    ["short", /never/],
  ])("leaves the old file or the new one when %s hits any call of writeAtomic", async (fault, message) => {
    writeFileSync(`${root}/file`, "old");
    const clean = openStorage();
    const points = await atEveryCall(
      (storage) => storage.writeAtomic(`${root}/file`, "new content"),
      fault,
      async (error) => {
        expect(["old", "new content"]).toContain(readFileSync(`${root}/file`, "utf8"));
        if (error !== undefined) {
          expect(error).toBeInstanceOf(StorageError);
          expect((error as Error).message).toMatch(message);
          expect((error as Error).message).toContain(`${root}/file`);
        } else expect(readFileSync(`${root}/file`, "utf8")).toBe("new content");
        await removeStrayTemporaries(clean, root);
        expect(readdirSync(root)).toEqual(["file"]);
        writeFileSync(`${root}/file`, "old");
      },
    );
    expect(points).toBe(7); // status, open, write, sync, close, rename, syncFolder; a short write has one write more
  });

  it.each(["write", "sync", "close", "rename"])("removes its temporary at once when %s fails", async (call) => {
    const storage = openStorage({ faults: ({ name }) => (name === call ? "ENOSPC" : undefined) });
    await expect(storage.writeAtomic(`${root}/file`, "x")).rejects.toThrow(errno("ENOSPC"));
    expect(readdirSync(root)).toEqual([]);
  });

  it("keeps the temporary when even its removal fails, and the next start removes it", async () => {
    const storage = openStorage({ faults: ({ index }) => (index >= 3 ? "ENOSPC" : undefined) });
    await expect(storage.writeAtomic(`${root}/file`, "x")).rejects.toThrow(errno("ENOSPC"));
    expect(readdirSync(root)).toHaveLength(1);
    await removeStrayTemporaries(openStorage(), root);
    expect(readdirSync(root)).toEqual([]);
  });

  it("reads on after a short read, and says so when reading fails", async () => {
    writeFileSync(`${root}/file`, "content");
    expect(
      await atEveryCall(
        (storage) => storage.read(`${root}/file`).then((bytes) => expect(textOf(bytes)).toBe("content")),
        "short",
        async (error) => expect(error).toBeUndefined(),
      ),
    ).toBe(4);
    expect(
      await atEveryCall(
        (storage) => storage.read(`${root}/file`),
        "EIO",
        async (error) => {
          if (error !== undefined) expect(error).toEqual(errno("EIO"));
        },
      ),
    ).toBe(4);
  });

  it("goes on with a log after a failed append", async () => {
    let calls = 0;
    const storage = openStorage({
      faults: ({ name }) => (name === "write" && ++calls === 2 ? "ENOSPC" : name === "write" ? "short" : undefined),
    });
    const log = await storage.openLog(`${root}/log`);
    await expect(log.append("one\n")).rejects.toThrow(errno("ENOSPC"));
    expect(log.offset).toBe(0);
    await log.append("two\n");
    await log.close();
    expect(readFileSync(`${root}/log`, "utf8")).toBe("two\n");
  });

  it.each(["", "kill", "kill@0", "kill@x", "EFOO@1", "kill@1-"])("refuses LOWBIT_FAULT=%j", (text) => {
    expect(() => parseFaultPlan(text)).toThrow(/LOWBIT_FAULT can't be/);
  });

  it("hits one call, or all from one on", () => {
    const at = (text: string) => [1, 2, 3].map((index) => parseFaultPlan(text)({ index, name: "open", path: "" }));
    expect(at("EIO@2")).toEqual([undefined, "EIO", undefined]);
    expect(at("EIO@2+")).toEqual([undefined, "EIO", "EIO"]);
  });
});

describe("reserve", () => {
  it("gives zeroed bytes up to the limit and tells who listens", () => {
    const heard: unknown[] = [];
    const stop = onReserve((bytes, where) => heard.push([bytes, where]));
    expect(reserve(4, 4, "a")).toEqual(new Uint8Array(4));
    expect(() => reserve(5, 4, "a, field b")).toThrow(
      /5 bytes are more than the 4 allowed here\n {2}where {2}a, field b/,
    );
    stop();
    reserve(1, 1, "a");
    expect(heard).toEqual([[4, "a"]]);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuses %d bytes as nonsense", (bytes) => {
    expect(() => reserve(bytes, Number.POSITIVE_INFINITY, "a")).toThrow(
      expect.objectContaining({ code: "LOWBIT_FILE_FORMAT" }),
    );
  });

  it("turns what the engine can't give into a typed error", () => {
    expect(() => reserve(2 ** 52, 2 ** 53, "a")).toThrow(expect.objectContaining({ code: "LOWBIT_MEMORY" }));
  });
});

describe("paths and checksums", () => {
  it.each([
    ["a/b", "a", "b"],
    ["/a", "/", "a"],
    ["a", ".", "a"],
    ["a/b/", "a", "b"],
    ["a\\b", "a", "b"],
    ["/", "/", ""],
  ])("%j is in %j and called %j", (path, folder, name) => {
    expect([folderOf(path), nameOf(path)]).toEqual([folder, name]);
  });

  it("has the SHA-256 of the standard", async () => {
    expect(await sha256(bytesOf("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-2, B.1
    expect(await sha256(new Uint8Array(new SharedArrayBuffer(3)).fill(97))).toBe(await sha256(bytesOf("aaa")));
  });
});
