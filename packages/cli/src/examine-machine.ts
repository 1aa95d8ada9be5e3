import { arch, availableParallelism, platform, totalmem } from "node:os";
import { type CreateEngineOptions, conv2d, createEngine, type Engine, LowbitError } from "@lowbit/core-tensor";
import { version } from "../package.json";
import { formatBytes, formatTable } from "./table.js";

/** One way to compute, tried. */
export interface ExaminedBackend {
  readonly backend: "js" | "wasm" | "gpu";
  /** Of gpu its mode. */
  readonly build: string;
  readonly works: boolean;
  /** What it ran on, or why it does not work. */
  readonly detail: string;
}

export interface Examination {
  readonly lowbit: string;
  readonly node: string;
  readonly platform: string;
  readonly processors: number;
  readonly memoryBytes: number;
  /** Whether this engine compiles WebAssembly with 128-bit SIMD. */
  readonly wasmSimd: boolean;
  readonly sharedMemory: boolean;
  readonly backends: readonly ExaminedBackend[];
  /** What `train` and `eval` use unless told otherwise, and the mode that `--backend gpu` takes. */
  readonly defaults: { readonly train: string; readonly eval: string; readonly gpu: string };
}

/** A module of one function, () → v128: valid only where the engine knows SIMD. */
const SIMD_MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

const hasWasm = typeof WebAssembly === "object";

/** Tries everything that could compute here, on a small convolution with a known answer. */
export async function examineMachine(): Promise<Examination> {
  const backends = [
    await examine({ backend: "js" }),
    await examine({ backend: "wasm", build: "portable" }),
    await examine({ backend: "wasm", build: "relaxed" }),
    ...(await examineGpu()),
  ];
  const [, portable, relaxed, ...gpu] = backends;
  const wasm = (build: string): string => (portable.works ? `wasm ${build}` : "none: ask for --backend js");
  return {
    lowbit: version,
    node: process.version,
    platform: `${platform()} ${arch()}`,
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    wasmSimd: hasWasm && WebAssembly.validate(Uint8Array.from(SIMD_MODULE)),
    sharedMemory: typeof SharedArrayBuffer !== "undefined",
    backends,
    defaults: {
      train: wasm("portable"),
      eval: wasm(relaxed.works ? "relaxed" : "portable"),
      gpu: gpu.find(({ works, build }) => works && build !== "cpu")?.build ?? "none",
    },
  };
}

/** The modes of gpu.js in the order in which they are chosen; one line where the package is missing. */
async function examineGpu(): Promise<ExaminedBackend[]> {
  const modes: ExaminedBackend[] = [];
  for (const gpuMode of ["webgpu", "webgl2", "webasm", "cpu"] as const) {
    modes.push(await examine({ backend: "gpu", gpuMode }));
  }
  const isMissing = modes.every(({ works, detail }) => !works && detail === modes[0].detail);
  return isMissing ? [{ ...modes[0], build: "gpu.js" }] : modes;
}

async function examine(
  options: Required<Pick<CreateEngineOptions, "backend">> & CreateEngineOptions,
): Promise<ExaminedBackend> {
  const build = options.backend === "js" ? "reference" : (options.gpuMode ?? options.build ?? "portable");
  const found = { backend: options.backend, build };
  try {
    const engine = await createEngine(options);
    try {
      const { threads } = engine.backend;
      const isRight = await convolvesRightly(engine);
      const detail = isRight
        ? options.backend === "gpu"
          ? "through gpu.js"
          : `${threads} thread${threads === 1 ? "" : "s"}`
        : "it gives a wrong result for a small convolution";
      return { ...found, works: isRight, detail };
    } finally {
      await engine.close();
    }
  } catch (error) {
    const reason = error instanceof LowbitError ? explain(error) : String(error).split("\n")[0];
    return {
      ...found,
      works: false,
      detail: error instanceof LowbitError || !hasWasm ? reason : `it failed: ${reason}`,
    };
  }
}

/** A refusal in one line: what was wrong, and what would help. */
const explain = ({ message, where, hint }: LowbitError): string =>
  where ?? [message.split("\n")[0], ...(hint === undefined ? [] : [hint])].join(": ");

/** A 3 × 3 window of ones over an 8 × 8 image of ones, padded: 9 inside, 6 at the edges, 4 in the corners. */
async function convolvesRightly(engine: Engine): Promise<boolean> {
  const ones = (shape: readonly number[]) => ({
    dtype: "f32" as const,
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1),
  });
  const step = engine.compile(({ x, w }) => ({ y: conv2d(x, w, { padding: 1 }) }));
  const { y } = await step({ x: ones([1, 1, 8, 8]), w: ones([1, 1, 3, 3]) });
  const taps = (at: number): number => (at === 0 || at === 7 ? 2 : 3);
  return Array.from(y.data).every((value, i) => value === taps(i >> 3) * taps(i & 7));
}

export function formatExamination(found: Examination): string {
  const yesNo = (value: boolean): string => (value ? "yes" : "no");
  const backends = formatTable(
    [
      { title: "backend", value: (row) => row.backend },
      { title: "build", value: (row) => row.build },
      { title: "works", value: (row) => yesNo(row.works) },
      { title: "", value: (row) => row.detail },
    ],
    found.backends,
  );
  return [
    `lowbit ${found.lowbit}, Node ${found.node}, ${found.platform}, ${found.processors} processors, ${formatBytes(found.memoryBytes)} memory`,
    `WebAssembly SIMD: ${yesNo(found.wasmSimd)}   shared memory: ${yesNo(found.sharedMemory)}`,
    "",
    backends,
    "",
    `train runs on ${found.defaults.train}, eval and predict on ${found.defaults.eval}, unless --backend and --build say otherwise`,
    ...(found.defaults.gpu === "none" ? [] : [`--backend gpu takes the mode ${found.defaults.gpu}`]),
  ].join("\n");
}
