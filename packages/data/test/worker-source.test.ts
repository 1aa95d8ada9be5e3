import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "tsup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// A worker runs built files: these are built here from the sources, with the part of core-tensor that they use.
let folder: string;
const source = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "worker-source-"));
  const coreTensor = join(folder, "core-tensor.ts");
  writeFileSync(
    coreTensor,
    ["graph/errors", "random/index"]
      .map((path) => `export * from ${JSON.stringify(source(`../core-tensor/src/${path}.ts`))};\n`)
      .join(""),
  );
  await build({
    entry: { loader: source("src/loader.ts"), "batch-worker": source("src/batch-worker.ts") },
    outDir: join(folder, "dist"),
    outExtension: () => ({ js: ".js" }),
    format: "esm",
    config: false,
    dts: false,
    silent: true,
    platform: "node",
    noExternal: [/.*/],
    esbuildOptions: (options) => {
      options.alias = { "@lowbit/core-tensor": coreTensor };
    },
  });
  writeFileSync(join(folder, "dist/package.json"), '{"type":"module"}');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a program that has `createLoader`, `split`, `options` and `workers`, the workers that were started; gives what it printed. */
async function run(program: string): Promise<unknown> {
  const script = join(folder, "dist/program.js");
  writeFileSync(
    script,
    `import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";
const workers = [];
const Original = threads.Worker;
threads.Worker = class extends Original { constructor(...all) { super(...all); workers.push(this); } };
syncBuiltinESMExports();
const { createLoader } = await import("./loader.js");
const count = 37;
const images = Uint8Array.from({ length: count * 2 * 5 * 4 }, (_, i) => (i * 7919) % 256);
const split = { count, imageShape: [2, 5, 4], images, labels: Int32Array.from({ length: count }, (_, i) => i) };
const options = { batch: 4, seed: 5, shuffle: true, augment: { crop: 2, flip: true }, mean: [0.5, 0.25], std: [1, 2] };
const text = (batch) => [...batch.labels.data, ...batch.images.data].join();
${program}`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 60_000 });
  return JSON.parse(stdout);
}

describe("prefetching", () => {
  it("gives the same batches as without, over epochs, seeks and early ends", async () => {
    const result = await run(`
      const walk = async (prefetch) => {
        const loader = createLoader(split, { ...options, prefetch });
        const seen = [];
        for await (const batch of loader) seen.push(text(batch));
        let left = 3;
        for await (const batch of loader) { seen.push(text(batch)); if (--left === 0) break; }
        loader.seek({ epoch: 7, cursor: 32 });
        for (const _ of [1, 2]) for await (const batch of loader) seen.push(text(batch));
        seen.push(JSON.stringify(loader.position()));
        return seen;
      };
      const [plain, one, four] = [await walk(0), await walk(1), await walk(4)];
      console.log(JSON.stringify({ batches: plain.length, one: plain.join() === one.join(), four: plain.join() === four.join(), workers: workers.length }));
    `);
    expect(result).toEqual({ batches: 10 + 3 + 2 + 10 + 1, one: true, four: true, workers: 2 }); // and the process ended: idle workers hold nothing
  });

  it("goes on here when the worker dies", async () => {
    const result = await run(`
      const seen = [];
      for await (const batch of createLoader(split, options)) seen.push(text(batch));
      const loader = createLoader(split, { ...options, prefetch: 3 });
      const got = [];
      for await (const batch of loader) { got.push(text(batch)); if (got.length === 2) void workers[0].terminate(); }
      console.log(JSON.stringify({ same: seen.join() === got.join(), workers: workers.length }));
    `);
    expect(result).toEqual({ same: true, workers: 1 });
  });

  it("keeps the process alive while a batch is awaited, and can be closed", async () => {
    const result = await run(`
      const loader = createLoader(split, { ...options, prefetch: 2 });
      const { value } = await loader[Symbol.asyncIterator]().next();
      await loader.close();
      const again = await loader[Symbol.asyncIterator]().next();
      console.log(JSON.stringify({ first: value.labels.data.length, second: again.value.labels.data.length, workers: workers.length }));
    `);
    expect(result).toEqual({ first: 4, second: 4, workers: 2 });
  });
});
