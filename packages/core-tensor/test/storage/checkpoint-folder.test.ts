import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FileFormatError, LowbitError } from "../../src/graph/errors.js";
import { openStorage } from "../../src/storage/browser.js";
import {
  commitGeneration,
  createMemoryDisk,
  type DiskEvent,
  type Fault,
  type Generation,
  type MemoryDisk,
  openGeneration,
  powerCuts,
  recordDisk,
  removeUnreferenced,
  type Storage,
  sha256,
} from "../../src/storage/index.js";

const FOLDER = "/run";
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const contentOf = (text: string) => ({
  parts: new Map([
    ["weights.safetensors", bytesOf(`weights of ${text}`)],
    ["log", bytesOf(`log of ${text}`)],
  ]),
  state: { text, nested: { a: [1, 2.5, "é"] } },
});

/** Which content a folder holds: everything is read and compared. "none" where nothing was committed. */
async function contentIn(storage: Storage): Promise<string> {
  const open = await openGeneration(storage, FOLDER);
  if (open === undefined) return "none";
  const { text } = open.state as { text: string };
  expect(new TextDecoder().decode(await open.part("weights.safetensors"))).toBe(`weights of ${text}`);
  expect(new TextDecoder().decode(await open.part("log"))).toBe(`log of ${text}`);
  return text;
}

async function folderWith(...texts: string[]): Promise<{ disk: MemoryDisk; storage: Storage }> {
  const disk = createMemoryDisk();
  const storage = openStorage({ disk });
  for (const text of texts) await commitGeneration(storage, FOLDER, contentOf(text));
  return { disk, storage };
}

describe("generations", () => {
  it("keeps one generation, and numbers go up", async () => {
    const { disk, storage } = await folderWith("one", "two", "three");
    expect(await contentIn(storage)).toBe("three");
    expect([...disk.files().keys()].sort()).toEqual([
      "/run/log.generation-3",
      "/run/manifest.json",
      "/run/weights.generation-3.safetensors",
    ]);
    const open = (await openGeneration(storage, FOLDER)) as Generation;
    expect(open.generation).toBe(3);
    expect(open.partNames).toEqual(["weights.safetensors", "log"]);
    expect(open.partBytes("log")).toBe(12);
    await expect(open.part("other")).rejects.toThrow(/generation 3 has no part "other"/);
  });

  it("opens nothing where nothing was committed", async () => {
    expect(await openGeneration(openStorage({ disk: createMemoryDisk() }), FOLDER)).toBeUndefined();
    expect(await removeUnreferenced(openStorage({ disk: createMemoryDisk() }), FOLDER)).toEqual([]);
  });

  it.each([
    "manifest.json",
    "../a",
    "a/b",
    "",
    ".a",
    "con",
    "a.generation-1",
    "a.generation-1.b",
    "x".repeat(101),
    "a\0",
  ])("refuses to call a part %j", async (name) => {
    const storage = openStorage({ disk: createMemoryDisk() });
    await expect(
      commitGeneration(storage, FOLDER, { parts: new Map([[name, new Uint8Array(1)]]), state: null }),
    ).rejects.toThrow(/a part can't be called/);
    expect(await storage.exists(FOLDER)).toBe(false);
  });

  it("names part and generation when a part is damaged, longer, shorter or gone", async () => {
    const path = "/run/weights.generation-1.safetensors";
    const damages: [RegExp, (bytes: Uint8Array) => Uint8Array | undefined][] = [
      [
        /part "weights.safetensors" of generation 1 is damaged: its SHA-256/,
        (bytes) => bytes.map((b, i) => (i === 3 ? b ^ 1 : b)),
      ],
      [/part "weights.safetensors" of generation 1 has 5 bytes, 14 were committed/, (bytes) => bytes.slice(0, 5)],
      [
        /part "weights.safetensors" of generation 1 is longer than the 14 bytes/,
        (bytes) => new Uint8Array([...bytes, 0]),
      ],
      [/part "weights.safetensors" of generation 1 is missing/, () => undefined],
    ];
    for (const [message, damage] of damages) {
      const files = (await folderWith("one")).disk.files();
      const damaged = damage(files.get(path) as Uint8Array);
      if (damaged) files.set(path, damaged);
      else files.delete(path);
      const open = (await openGeneration(openStorage({ disk: createMemoryDisk(files) }), FOLDER)) as Generation;
      await expect(open.part("weights.safetensors")).rejects.toThrow(FileFormatError);
      await expect(open.part("weights.safetensors")).rejects.toThrow(message);
      await open.part("log");
    }
  });

  it("refuses every manifest with one character changed", async () => {
    const files = (await folderWith("one")).disk.files();
    const manifest = files.get("/run/manifest.json") as Uint8Array;
    let refused = 0;
    for (let i = 0; i < manifest.length; i++) {
      const changed = manifest.map((byte, at) => (at === i ? byte ^ 1 : byte));
      const disk = createMemoryDisk(new Map([...files, ["/run/manifest.json", changed]]));
      await openGeneration(openStorage({ disk }), FOLDER).then(
        () => expect([" ".charCodeAt(0), "\n".charCodeAt(0)]).toContain(manifest[i]),
        (error) => {
          expect(error).toBeInstanceOf(FileFormatError);
          refused++;
        },
      );
    }
    expect(refused).toBeGreaterThan(manifest.length / 2);
  });

  it.each(["../outside", "/etc/passwd", "a/b", "..", "C:b", "nul", "a\0"])(
    "refuses a manifest whose checksum is right and whose part lies in %j",
    async (file) => {
      const parts = { a: { file, bytes: 1, sha256: "0" } };
      const body = { format: "lowbit-generation", version: 1, generation: 1, parts, state: null };
      const checksum = await sha256(bytesOf(JSON.stringify(body)));
      const disk = createMemoryDisk(new Map([["/run/manifest.json", bytesOf(JSON.stringify({ ...body, checksum }))]]));
      await expect(openGeneration(openStorage({ disk }), FOLDER)).rejects.toThrow(/can't be the name of a file here/);
    },
  );

  it("answers any manifest with a typed error", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.constant('{"format":"lowbit-generation"}'),
          fc.constant('{"format":"lowbit-generation","version":2}'),
        ),
        async (text) => {
          const disk = createMemoryDisk(new Map([["/run/manifest.json", bytesOf(text)]]));
          await expect(openGeneration(openStorage({ disk }), FOLDER)).rejects.toBeInstanceOf(LowbitError);
        },
      ),
      { seed: 31, numRuns: 300 },
    );
  });
});

describe("a commit that fails", () => {
  const faults: Fault[] = ["ENOSPC", "EIO", "EROFS", "EMFILE", "EACCES", "short"];

  it.each(
    faults.flatMap(
      (fault) =>
        [
          [fault, "once"],
          [fault, "from then on"],
        ] as const,
    ),
  )("%s %s at any call leaves the old generation or the new", async (fault, when) => {
    for (let n = 1, met = true; met; n++) {
      met = false;
      const { disk } = await folderWith("old");
      const storage = openStorage({
        disk,
        faults: ({ index }) => {
          if (index !== n && !(when === "from then on" && index > n)) return undefined;
          met = true;
          return fault;
        },
      });
      const error = await commitGeneration(storage, FOLDER, contentOf("new")).then(
        () => undefined,
        (caught) => caught,
      );
      if (error !== undefined) expect(error).toMatchObject({ code: "LOWBIT_STORAGE" });
      const clean = openStorage({ disk });
      expect(error === undefined ? ["new"] : ["old", "new"]).toContain(await contentIn(clean));
      await removeUnreferenced(clean, FOLDER);
      expect([...disk.files().keys()]).toHaveLength(3); // two parts and the manifest: nothing stray after the next start
      await commitGeneration(clean, FOLDER, contentOf("next"));
      expect(await contentIn(clean)).toBe("next");
    }
  });

  it("leaves no folder when the first commit fails", async () => {
    for (let n = 1; n <= 12; n++) {
      const disk = createMemoryDisk();
      const storage = openStorage({ disk, faults: ({ index }) => (index === n ? "ENOSPC" : undefined) });
      const failed = await commitGeneration(storage, FOLDER, contentOf("new")).then(
        () => false,
        () => true,
      );
      if (failed && (await contentIn(openStorage({ disk }))) === "none") expect([...disk.files().keys()]).toEqual([]);
    }
  });
});

describe("a power cut", () => {
  it("leaves the old generation or the new, whole, at every point and with every loss", async () => {
    const events: DiskEvent[] = [];
    const storage = openStorage({ disk: recordDisk(createMemoryDisk(), events) });
    const committedAfter: number[] = [];
    const texts = ["one", "two", "three"];
    for (const text of texts) {
      await commitGeneration(storage, FOLDER, contentOf(text));
      committedAfter.push(events.length);
    }
    let states = 0;
    for (const { after, files } of powerCuts(events)) {
      states++;
      const disk = createMemoryDisk(new Map([["/run/.keep", new Uint8Array(0)], ...files]));
      const found = await contentIn(openStorage({ disk }));
      const returned = committedAfter.filter((at) => at <= after).length; // commits that had returned
      const allowed = ["none", ...texts].slice(returned, returned + 2);
      expect(allowed).toContain(found);
      await removeUnreferenced(openStorage({ disk }), FOLDER);
      expect([...disk.files().keys()]).toHaveLength(found === "none" ? 1 : 4);
    }
    expect(states).toBeGreaterThan(200);
    expect(states).toBeLessThan(5000);
  });

  it("would catch a commit that does not sync: the model is not blind", async () => {
    const events: DiskEvent[] = [];
    const inner = recordDisk(createMemoryDisk(), events);
    const forgetful = openStorage({
      disk: {
        ...inner,
        open: async (path, mode) => ({ ...(await inner.open(path, mode)), sync: async () => undefined }),
      },
    });
    for (const text of ["one", "two"]) await commitGeneration(forgetful, FOLDER, contentOf(text));
    let torn = 0;
    for (const { files } of powerCuts(events))
      await contentIn(
        openStorage({ disk: createMemoryDisk(new Map([["/run/.keep", new Uint8Array(0)], ...files])) }),
      ).catch(() => torn++);
    expect(torn).toBeGreaterThan(0);
  });
});
