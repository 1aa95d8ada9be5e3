import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commitGeneration, openGeneration, openStorage } from "@lowbit/core-tensor/storage";
import { beforeAll, describe, expect, it } from "vitest";
import { type AnyJson, type Ended, type RunOptions, runJson, runLowbit, temporaryFolder } from "./run-lowbit.js";

const work = temporaryFolder();
const folder = (name: string): string => join(work, name);
const mini = ["--data", "fashion-mnist-mini"];
const never = folder("never");
const trained = folder("trained");
const packed = folder("packed");

beforeAll(async () => {
  const experiment = ["--model", "simple-cnn", ...mini, "--precision", "w2a2", "--epochs", "1", "--limit", "64"];
  await runJson(["train", ...experiment, "--out", trained]);
  await runJson(["convert", trained, "--out", packed]);
});

/** Runs to a refusal: the code, a text for people, nothing on the output, no stack trace, nothing written. */
async function refusal(words: readonly string[], code: number, message: RegExp, options?: RunOptions): Promise<Ended> {
  const ended = await runLowbit(words, options);
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).not.toMatch(/^\s+at .*:\d+/m);
  expect(ended.stdout).toBe("");
  expect(ended.code).toBe(code);
  expect(existsSync(never)).toBe(false);
  return ended;
}

describe("a command line", () => {
  it.each([
    ["an unknown verb", ["trian"], /Did you mean train\?/],
    ["an unknown option", ["train", "--modle", "mlp"], /Did you mean --model\?/],
    ["a name that is no choice", ["list", "modles"], /Did you mean models\?/],
    ["no network", ["eval"], /missing required argument 'folder'/],
    ["a text for a number", ["train", "--epochs", "many"], /must be a number/],
    ["a folder that is not there", ["eval", folder("nowhere")], /there is no folder/],
    ["a picture that is not there", ["predict", folder("nowhere.png")], /there is no picture/],
    ["an experiment that is not there", ["train", folder("nowhere.json"), "--out", never], /there is no experiment/],
    ["both an experiment and options", ["train", folder("a.json"), "--epochs", "3", "--out", never], /not both/],
    ["a folder and a model", ["inspect", folder("a"), "--model", "mlp"], /one of them/],
  ])("with %s is refused", async (_, words, message) => {
    await refusal(words, 2, message);
  });
});

describe("an experiment", () => {
  const train = (...words: string[]): string[] => ["train", "--model", "mlp", ...mini, "--out", never, ...words];
  it.each([
    ["no model", ["train", ...mini, "--out", never], 2, /train needs --model/],
    ["no folder", ["train", "--model", "mlp", ...mini], 2, /--out is missing/],
    ["an unknown model", train("--model", "resnt8"), 2, /no model "resnt8"[\s\S]*--model[\s\S]*did you mean resnet8\?/],
    ["an unknown data set", train("--data", "fashion-mnst"), 2, /did you mean fashion-mnist\?/],
    ["a data set that is not there", train("--data", `cifar10:${folder("nowhere")}`), 2, /can't be opened/],
    ["an unknown quantizer, also where fp32 would not use it", train("--quantizer", "wrpm"), 2, /did you mean wrpn\?/],
    ["an impossible precision", train("--precision", "w9a2"), 2, /no precision "w9a2"/],
    [
      "a precision that the scheme lacks",
      train("--precision", "w1a4", "--quantizer", "uniform"),
      78,
      /no 1-bit quantizer/,
    ],
    ["a width of 0", train("--width", "0"), 2, /width can't be 0/],
    ["a width beyond reason", train("--width", "1000"), 2, /at most 64/],
    ["half an epoch", train("--epochs", "0.5"), 2, /a whole number from 1/],
    ["a learning rate of 0", train("--learning-rate", "0"), 2, /a number above 0/],
    ["a change of images that is none", train("--augment", "crp:2"), 2, /crop:PIXELS/],
    ["a crop larger than the images", train("--augment", "crop:28"), 2, /crop of 28/],
    ["a schedule that is none", train("--schedule", "cosin"), 2, /Did you mean cosine\?/],
    ["no threads", train("--threads", "0"), 2, /whole number from 1/],
    ["an unknown backend", train("--backend", "wsam"), 69, /did you mean wasm\?/],
  ] as const)("with %s is refused before anything is made", async (_, words, code, message) => {
    await refusal(words, code, message);
  });

  it("that diverges ends with what to do", () =>
    refusal(
      ["train", "--model", "mlp", ...mini, "--limit", "640", "--learning-rate", "1e6", "--out", folder("diverged")],
      1,
      /learning rate/,
    ));
});

describe("a folder to write", () => {
  const train = ["train", "--model", "mlp", ...mini, "--limit", "64", "--epochs", "1"];
  it("that is not empty is refused", async () => {
    mkdirSync(folder("full"));
    writeFileSync(folder("full/thesis.txt"), "years of work");
    await refusal([...train, "--out", folder("full")], 2, /is not empty/);
    await refusal(["convert", trained, "--out", folder("full")], 2, /is not empty/);
    expect(readdirSync(folder("full"))).toEqual(["thesis.txt"]);
  });
  it("that is a file is refused", async () => {
    writeFileSync(folder("file"), "");
    await refusal([...train, "--out", folder("file")], 74, /is a file/);
    await refusal([...train, "--out", folder("file/below")], 74, /is a file/);
    await refusal(["convert", trained, "--out", folder("file")], 74, /is a file/);
  });
  it.runIf(existsSync("/proc/self"))("that can't be made is refused", async () => {
    await refusal([...train, "--out", "/proc/lowbit/run"], 74, /can't make the folder/);
    await refusal(["convert", trained, "--out", "/proc/lowbit/run"], 74, /can't make the folder/);
  });
});

describe("a network", () => {
  /** A copy of a folder to damage, and the name of its part. */
  function copy(source: string, name: string, part: string): { path: string; partFile: string } {
    const path = folder(name);
    cpSync(source, path, { recursive: true });
    const file = readdirSync(path).find((each) => each.startsWith(part)) as string;
    return { path, partFile: join(path, file) };
  }

  /** Commits another content of a part, with checksums that are right: a folder that lies instead of a damaged one. */
  async function forge(
    source: string,
    name: string,
    part: string,
    change: (bytes: Buffer) => Uint8Array,
    state?: (state: AnyJson) => void,
  ) {
    const path = folder(name);
    const storage = openStorage();
    const opened = await openGeneration(storage, source);
    if (!opened) throw new Error("nothing to forge");
    const parts = new Map<string, Uint8Array>();
    for (const each of opened.partNames) {
      const bytes = await opened.part(each);
      parts.set(each, each === part ? change(Buffer.from(bytes)) : bytes);
    }
    const changed = JSON.parse(JSON.stringify(opened.state));
    state?.(changed);
    await commitGeneration(storage, path, { parts, state: changed });
    return path;
  }
  const same = (bytes: Buffer): Buffer => bytes;

  it("that is no network is refused", async () => {
    mkdirSync(folder("empty"));
    await refusal(["eval", folder("empty")], 65, /no network in this folder/);
  });

  it("whose safetensors file is truncated is refused", async () => {
    const { path, partFile } = copy(packed, "truncated", "packed.");
    truncateSync(partFile, 100);
    await refusal(["eval", path], 65, /has 100 bytes/);
  });

  it("with a flipped bit is refused", async () => {
    const { path, partFile } = copy(trained, "flipped", "weights.");
    const bytes = readFileSync(partFile);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(partFile, bytes);
    await refusal(["eval", path], 65, /damaged/);
    await refusal(["convert", path, "--out", never], 65, /damaged/);
  });

  it("without its part is refused", async () => {
    const path = folder("partless");
    mkdirSync(path);
    cpSync(join(packed, "manifest.json"), join(path, "manifest.json"));
    await refusal(["eval", path], 65, /is missing/);
  });

  it("whose manifest is damaged is refused", async () => {
    const { path } = copy(packed, "scribbled", "packed.");
    const manifest = join(path, "manifest.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"latentBytes": ', '"latentBytes": 1'));
    await refusal(["eval", path], 65, /checksum/);
    writeFileSync(manifest, "{");
    await refusal(["eval", path], 65, /not valid JSON/);
  });

  const longHeader = (bytes: Buffer): Buffer => {
    bytes.writeBigUInt64LE(2n ** 40n, 0);
    return bytes;
  };
  const hugeShape = (bytes: Buffer): Buffer =>
    Buffer.from(bytes.toString("latin1").replace(/"shape":\[\d/, '"shape":[9'), "latin1");
  it.each([
    ["whose header says that it is longer than the file", longHeader, /the header says/],
    ["whose header lies about a shape", hugeShape, /bytes/],
    ["that is empty", () => Buffer.alloc(0), /too few/],
  ])("with a safetensors file %s is refused", async (name, change, message) => {
    await refusal(
      ["eval", await forge(packed, `packed ${name.slice(0, 20)}`, "packed.safetensors", change)],
      65,
      message,
    );
    await refusal(
      ["eval", await forge(trained, `trained ${name.slice(0, 20)}`, "weights.safetensors", change)],
      65,
      message,
    );
  });

  it.each([
    ["another kind", (state: AnyJson) => Object.assign(state, { kind: "cake" }), 65, /holds no training run/],
    [
      "an unknown model",
      (state: AnyJson) => Object.assign(state.model, { name: "resnet9000" }),
      65,
      /no model "resnet9000"/,
    ],
    [
      "a model whose name is no text",
      (state: AnyJson) => Object.assign(state.model, { name: { toString: 1 } }),
      65,
      /the manifest's model.name is not a text/,
    ],
    [
      "an input of a million pixels",
      (state: AnyJson) => Object.assign(state.model.options, { inputShape: [1, 1e6, 1e6] }),
      65,
      /the model in this folder can't be built/,
    ],
    [
      "a quantizer that is not installed",
      (state: AnyJson) => Object.assign(state.identity.quantization.layers[0].weight, { quantizer: "magic" }),
      78,
      /no quantizer "magic"[\s\S]*install/,
    ],
    [
      "options that its quantizer refuses",
      (state: AnyJson) => Object.assign(state.identity.quantization.layers[0].weight, { options: { bits: 900 } }),
      65,
      /options of/,
    ],
    [
      "classes that are no list",
      (state: AnyJson) => Object.assign(state.identity.data, { classes: 10 }),
      65,
      /notes about this network/,
    ],
  ])("that says it has %s is refused", async (name, change, code, message) => {
    await refusal(["eval", await forge(trained, `says ${name}`, "weights.safetensors", same, change)], code, message);
  });

  it.each([
    [
      "an operation that nobody knows",
      (state: AnyJson) =>
        Object.assign(
          state.graph.nodes.find((node: AnyJson) => node.op === "conv2d"),
          { op: "launchMissiles" },
        ),
      /no operation "launchMissiles"/,
    ],
    [
      "inputs that come later",
      (state: AnyJson) =>
        Object.assign(
          state.graph.nodes.find((node: AnyJson) => node.op === "conv2d"),
          { inputs: [9999, 9998] },
        ),
      /no earlier node/,
    ],
    ["another version", (state: AnyJson) => Object.assign(state, { version: 99 }), /version/],
  ])("whose graph has %s is refused", async (name, change, message) => {
    await refusal(["eval", await forge(packed, `graph ${name}`, "packed.safetensors", same, change)], 65, message);
  });

  it("that is packed is not packed again", () => refusal(["convert", packed, "--out", never], 2, /packed already/));

  it("is not evaluated on images of another shape", async () => {
    const path = folder("idx");
    writeIdxFolder(path, { size: 9 });
    await refusal(["eval", trained, "--data", `mnist:${path}`], 2, /can't be evaluated on mnist[\s\S]*\[1, 28, 28\]/);
  });
});

function writeIdxFolder(path: string, { size, cut = 0 }: { size: number; cut?: number }): void {
  mkdirSync(path, { recursive: true });
  const header = (...numbers: number[]): Buffer =>
    Buffer.concat(numbers.map((n) => Buffer.from([n >>> 24, n >>> 16, n >>> 8, n])));
  for (const name of ["train", "t10k"]) {
    const images = Buffer.concat([header(0x803, 20, size, size), Buffer.alloc(20 * size * size)]);
    writeFileSync(join(path, `${name}-images-idx3-ubyte`), images.subarray(0, images.length - cut));
    writeFileSync(join(path, `${name}-labels-idx1-ubyte`), Buffer.concat([header(0x801, 20), Buffer.alloc(20, 3)]));
  }
}

describe("data", () => {
  it("in a corrupt IDX file are refused", async () => {
    writeIdxFolder(folder("short-idx"), { size: 28, cut: 1 });
    await refusal(
      ["train", "--model", "mlp", "--data", `mnist:${folder("short-idx")}`, "--out", never],
      65,
      /idx3-ubyte/,
    );
  });
  it("that are no picture are refused", async () => {
    writeFileSync(folder("a.png"), "not a picture");
    await refusal(["predict", folder("a.png"), "--model", packed], 65, /neither a PNG nor a JPEG/);
    writeFileSync(folder("b.png"), Buffer.from([137, 80, 78, 71, 13, 10, 26, 10, 0, 0]));
    await refusal(["predict", folder("b.png"), "--model", packed], 65, /b\.png/);
  });
});

describe("a backend that is missing", () => {
  const withoutWasm = { nodeFlags: ["--import", "data:text/javascript,delete%20globalThis.WebAssembly"] };
  it("is refused by name, and doctor says why", async () => {
    await refusal(["eval", packed], 69, /wasm/, withoutWasm);
    const { backends } = await runJson(["doctor"], withoutWasm);
    const works = (name: string) =>
      backends.filter(({ backend }: AnyJson) => backend === name).map((row: AnyJson) => row.works);
    expect([works("js"), works("wasm"), works("gpu")]).toEqual([
      [true],
      [false, false],
      [false, false, false, true], // WebGPU, WebGL2 and WebAssembly are missing, plain JavaScript is not
    ]);
  });
  it("is not needed for the reference", async () => {
    const { backend } = await runJson(["eval", packed, "--backend", "js", "--limit", "10"], withoutWasm);
    expect(backend).toBe("js");
  });
});
