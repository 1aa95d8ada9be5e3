import { afterEach, describe, expect, it } from "vitest";
import { assemble } from "../../../src/backends/wasm/instruction.js";
import { compileKernels, instantiateKernels } from "../../../src/backends/wasm/load-kernels.js";
import { ThreadPool } from "../../../src/backends/wasm/thread-pool.js";
import { createWasmBackend } from "../../../src/backends/wasm/wasm-backend.js";
import { WasmMemory } from "../../../src/backends/wasm/wasm-memory.js";
import { defineOp } from "../../../src/graph/define-op.js";
import { ArgumentError, BackendError, MemoryLimitError } from "../../../src/graph/errors.js";
import { Variable } from "../../../src/graph/variable.js";
import { conv2d } from "../../../src/ops/conv2d.js";
import { matmul } from "../../../src/ops/matmul.js";
import type { Backend } from "../../../src/plan/backend.js";
import { PlannedBuffer, type Program } from "../../../src/plan/program.js";
import { f32, referenceOf, runCall, specify } from "./run-call.js";

const opened: Backend[] = [];
async function open(options: Parameters<typeof createWasmBackend>[0]): Promise<Backend> {
  const backend = await createWasmBackend(options);
  opened.push(backend);
  return backend;
}
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close();
});

describe("memory", () => {
  it("gives places that are multiples of 64, and gives freed ones again", () => {
    const memory = new WasmMemory(false, 2 ** 24);
    const places = [1, 64, 65, 1000].map((bytes) => memory.allocate(bytes));
    for (const place of places) expect(place % 64).toBe(0);
    memory.free(places[1], 64);
    memory.free(places[2], 65);
    expect(memory.allocate(192)).toBe(places[1]); // the two holes have become one
  });

  it("never overlaps places and keeps their content while it grows", () => {
    const memory = new WasmMemory(true, 2 ** 26);
    const held: { offset: number; bytes: number; mark: number }[] = [];
    for (let i = 0; i < 300; i++) {
      const bytes = 1 + ((i * 7919) % 90_000);
      const offset = memory.allocate(bytes);
      memory.whole.subarray(offset, offset + bytes).fill(i % 251);
      held.push({ offset, bytes, mark: i % 251 });
      if (i % 3 === 2) {
        const [gone] = held.splice((i * 31) % held.length, 1);
        memory.free(gone.offset, gone.bytes);
      }
    }
    for (const { offset, bytes, mark } of held)
      expect(memory.whole.subarray(offset, offset + bytes).every((byte) => byte === mark)).toBe(true);
  });

  it("refuses what goes beyond the limit and stays usable", () => {
    const memory = new WasmMemory(false, 2 ** 20);
    expect(() => memory.allocate(2 ** 21)).toThrow(MemoryLimitError);
    expect(memory.allocate(2 ** 19) % 64).toBe(0);
  });
});

describe("threads", () => {
  it("refuses a number that makes no sense", async () => {
    await expect(createWasmBackend({ threads: 0 })).rejects.toThrow(ArgumentError);
    await expect(createWasmBackend({ threads: 1.5 })).rejects.toThrow(ArgumentError);
  });

  it("rejects the run in which a thread dies, and all later ones", async () => {
    const module = await compileKernels("portable", true);
    const memory = new WasmMemory(true, 2 ** 24);
    const program = memory.allocate(64);
    const sync = memory.allocate(256);
    const words = assemble([{ opcode: 9999, chunks: 1, words: [], scratchBytes: 0 }]); // traps in one thread; the others wait for it
    memory.words(program, words.length).set(words);
    memory.whole.fill(0, sync, sync + 256);
    const callOff = () => Atomics.store(memory.words(sync, 1), 0, 1);
    const pool = await ThreadPool.start(3, module, memory.memory, callOff);
    const run = () => pool.tellAll(() => ({ kind: "run", program, sync, threads: 3, scratch: 0, memoryBytes: 0 }));
    await expect(run()).rejects.toThrow(BackendError);
    await expect(run()).rejects.toThrow(BackendError);
    await pool.close();
  });

  it.each([1, 2])("leave the event loop its turns during a long run on %d threads", async (threads) => {
    const backend = await open({ threads });
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const specification = specify(matmul.declaration, [f32([1500, 1000], 1), f32([1000, 1500], 2)]);
    await runCall(backend, specification); // 4.5 GF: a tenth of a second at the very least
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});

describe("a program", () => {
  const place = (backend: Backend, shape: number[], values?: number[]): PlannedBuffer => {
    const bytes = shape.reduce((product, size) => product * size, 4);
    const buffer = new PlannedBuffer(shape, "f32", bytes, "resident", { offset: backend.allocate(bytes) });
    if (values) backend.write(buffer.offset, new Uint8Array(Float32Array.from(values).buffer));
    return buffer;
  };
  const empty: Program = {
    ...{
      inputs: new Map(),
      outputs: [],
      constants: [],
      variables: new Map(),
      computedOnce: [],
      assignments: [],
      calls: [],
      scratchBytes: 0,
    },
  };
  const read = (backend: Backend, buffer: PlannedBuffer) => [
    ...new Float32Array(backend.read(buffer.offset, buffer.bytes).buffer),
  ];
  const variable = new Variable({ name: "v", initial: { dtype: "f32", shape: [5], data: new Float32Array(5) } });

  it.each([1, 2])("writes all assignments or none, on %d threads", async (threads) => {
    const backend = await open({ threads });
    const from = place(backend, [5], [1, 2, 3, 4, 5]);
    const [to, output] = [place(backend, [5], [0, 0, 0, 0, 0]), place(backend, [5], [9, 9, 9, 9, Infinity])];
    const assignments = [{ variable, from, to, layer: "" }];
    expect(await backend.load({ ...empty, assignments, outputs: [output] }, 0).commit()).toBe(1);
    expect(read(backend, to)).toEqual([0, 0, 0, 0, 0]);
    backend.write(from.offset, new Uint8Array(Float32Array.of(NaN).buffer));
    expect(await backend.load({ ...empty, assignments, outputs: [output] }, 0).commit()).toBe(0);
    backend.write(from.offset, new Uint8Array(Float32Array.of(7).buffer));
    expect(await backend.load({ ...empty, assignments }, 0).commit()).toBe(-1);
    expect(read(backend, to)).toEqual([7, 2, 3, 4, 5]);
  });

  it("computes what has no kernel with its reference, and says so", async () => {
    const third = defineOp<1>({
      name: "third",
      arity: 1,
      shape: ([x]) => x,
      reference: (out, [x]) => x.data.forEach((value, i) => (out.data[i] = value / 3)),
      examples: [],
    });
    const backend = await open({ threads: 2 });
    const [x, y] = [place(backend, [2, 2], [3, 6, 9, 12]), place(backend, [2, 2])];
    const [z, w] = [place(backend, [2, 2]), place(backend, [2, 2])];
    const none = new PlannedBuffer([0], "u8", 0, "scratch", { offset: 0 });
    const product = { op: matmul.declaration, attributes: { transposeA: false, transposeB: false } };
    const workspace = (inputs: PlannedBuffer[], outputs: PlannedBuffer[]) => {
      const bytes = backend.workspaceBytes({ ...product, inputs, outputs });
      return new PlannedBuffer([bytes], "u8", bytes, "resident", { offset: backend.allocate(bytes) });
    };
    const calls = [
      { ...product, inputs: [x, x], outputs: [y], workspace: workspace([x, x], [y]), layer: "", once: false },
      {
        op: third.declaration,
        attributes: undefined,
        inputs: [y],
        outputs: [z],
        workspace: none,
        layer: "",
        once: false,
      },
      { ...product, inputs: [z, x], outputs: [w], workspace: workspace([z, x], [w]), layer: "", once: false },
    ];
    const loaded = backend.load({ ...empty, calls }, 0);
    expect(loaded.choices.map(({ kernel }) => kernel)).toEqual(["matmul-f32", "reference", "matmul-f32"]);
    expect(loaded.choices[1].reason).toContain("third");
    await loaded.run();
    expect(read(backend, z)).toEqual([21, 30, 45, 66]);
    expect(read(backend, w)).toEqual([21 * 3 + 30 * 9, 21 * 6 + 30 * 12, 45 * 3 + 66 * 9, 45 * 6 + 66 * 12]);
  });

  it("packs constant filters once and gets the same bits", async () => {
    const backend = await open({ threads: 2 });
    const specification = specify(conv2d.declaration, [f32([2, 3, 8, 8], 1), f32([4, 3, 3, 3], 2)], { padding: 1 });
    const [x, w] = specification.inputs.map(({ shape, data }) => place(backend, [...shape], [...data]));
    const y = place(backend, [...specification.outputs[0].shape]);
    const bare = { op: specification.op, attributes: specification.attributes, inputs: [x, w], outputs: [y] };
    const bytes = backend.workspaceBytes(bare);
    const workspace = new PlannedBuffer([bytes], "u8", bytes, "resident", { offset: backend.allocate(bytes) });
    const calls = [{ ...bare, workspace, layer: "", once: false }];
    const constants = [{ buffer: w, data: specification.inputs[1].data }];
    const loaded = backend.load({ ...empty, calls, constants }, 0);
    for (let run = 0; run < 3; run++) {
      await loaded.run();
      const { outputs } = await runCall(backend, specification); // filters packed in the same run
      expect(read(backend, y)).toEqual([...outputs[0]]);
      backend.write(workspace.offset, new Uint8Array(bytes).fill(255)); // nothing lasting may lie there
    }
    expect(referenceOf(specification).length).toBe(y.bytes / 4);
  });
});

describe("builds", () => {
  it("portable rounds a · b + c twice", async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const kernels = instantiateKernels(await compileKernels("portable", false), memory);
    expect(kernels.probeMultiplyAdd(1 + 2 ** -12, -(1 + 2 ** -11))).toBe(0);
  });

  it("fastest is relaxed or portable, and relaxed by name works or is refused by name", async () => {
    const fastest = await open({ threads: 1, build: "fastest" });
    expect(["portable", "relaxed"]).toContain(fastest.build);
    if (fastest.build === "relaxed") expect((await open({ threads: 2, build: "relaxed" })).build).toBe("relaxed");
    else await expect(createWasmBackend({ build: "relaxed" })).rejects.toThrow(BackendError);
  });
});
