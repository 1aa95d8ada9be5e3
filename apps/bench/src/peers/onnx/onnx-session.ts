import type { HostTensor } from "@lowbit/core-tensor";

/** The package to run a model with: WebAssembly, or the processor's own code. */
export type OnnxRuntime = "onnxruntime-web" | "onnxruntime-node";

/** A model in a peer's hands. */
export interface OnnxSession {
  readonly version: string;
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<Float32Array>;
  close(): Promise<void>;
}

/** @throws when the package does not run here; the reason is for the row */
export async function openOnnxSession(runtime: OnnxRuntime, model: Uint8Array, threads: number): Promise<OnnxSession> {
  // Two packages, one interface: what differs is who computes.
  const ort: typeof import("onnxruntime-web") =
    runtime === "onnxruntime-web"
      ? await import("onnxruntime-web")
      : ((await import("onnxruntime-node")) as unknown as typeof import("onnxruntime-web"));
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [runtime === "onnxruntime-web" ? "wasm" : "cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const toTensor = ({ data, shape }: HostTensor) => new ort.Tensor("float32", data as Float32Array, [...shape]);
  return {
    version: ort.env.versions[runtime === "onnxruntime-web" ? "web" : "node"] ?? "unknown",
    async run(inputs) {
      const feeds = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, toTensor(value)]));
      const { output } = await session.run(feeds);
      return (await output.getData()) as Float32Array;
    },
    close: () => session.release(),
  };
}
