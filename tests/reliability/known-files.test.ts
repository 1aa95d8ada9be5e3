import { LowbitError, restoreGraph } from "@lowbit/core-tensor";
import { createMemoryDisk, openGeneration, openStorage, parseJson, readSafetensors } from "@lowbit/core-tensor/storage";
import { decodeImage, readCifarRecords, readIdx } from "@lowbit/data";
import { builtIns, createRegistry } from "@lowbit/quant";
import { plugin as wrpn } from "@lowbit/wrpn";
import { describe, expect, it } from "vitest";
import { parseExperiment } from "../../packages/cli/src/experiment.js";
import { resolveExperiment } from "../../packages/cli/src/resolve-experiment.js";
import { compareReaders } from "../../packages/core-tensor/test/storage/compare-safetensors-readers.js";
import { gunzip } from "../../packages/data/src/gunzip.js";
import { checkFigures, sized } from "./figures.js";
import { type BadFile, knownBadFiles } from "./known-bad-files.js";

// Goal G4: what another reader accepts means the same here, and files that are known to be bad are refused with their code.

const registry = createRegistry(builtIns, wrpn);
const source = { kind: "file", file: "a-file" } as const;

const openers: Record<BadFile["format"], (bytes: Uint8Array) => unknown> = {
  safetensors: (bytes) => readSafetensors(bytes, { file: "a-file" }),
  json: (bytes) => parseJson(bytes, { file: "a-file" }),
  manifest: (bytes) => {
    const disk = createMemoryDisk(new Map([["/run/manifest.json", bytes]]));
    return openGeneration(openStorage({ disk, faults: () => undefined }), "/run");
  },
  graph: (bytes) =>
    restoreGraph(parseJson(bytes, { file: "a-file" }) as never, new Map(), { batch: 1, file: "a-file" }),
  experiment: (bytes) =>
    resolveExperiment(parseExperiment(parseJson(bytes, { file: "a-file" }), source), source, registry),
  idx: (bytes) => readIdx(bytes, { file: "a-file", rank: 3 }),
  cifar10: (bytes) => readCifarRecords(bytes, { file: "a-file", labelBytes: 1, classes: 10 }),
  gzip: (bytes) => gunzip(bytes, { file: "a-file" }),
  picture: (bytes) => decodeImage(bytes, { file: "a-file" }),
};

const violations = { accepted: 0, otherCode: 0, otherMeaning: 0 };
let refused = 0;

describe("known-bad files", () => {
  it.each(knownBadFiles.map((file) => [`${file.format}: ${file.what}`, file] as const))(
    "%s",
    async (_, { format, bytes, code }) => {
      const error = await (async () => openers[format](bytes))().then(
        () => undefined,
        (caught) => caught,
      );
      if (error === undefined) violations.accepted++;
      else if (error.code !== code) violations.otherCode++;
      expect(error).toBeInstanceOf(LowbitError);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(/a-file|\/run/); // where
      refused++;
    },
  );
});

let compared = 0;
it("safetensors files mean the same tensors to another reader", () => {
  const files = sized(200, 1000);
  try {
    compareReaders({ files, seed: 29 });
  } catch (error) {
    violations.otherMeaning++;
    throw error;
  }
  compared = files;
});

it("has the figures of reliability.json", () => {
  checkFigures("G4", { tried: { knownBadFiles: refused, safetensorsCompared: compared }, violations });
  expect(refused).toBeGreaterThanOrEqual(120);
});
