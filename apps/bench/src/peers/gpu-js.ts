import type { HostTensor } from "@lowbit/core-tensor";
import { GPU, Input } from "gpu.js";
import { version } from "gpu.js/package.json";
import type { Contestant } from "../suites/contest.js";

/**
 * gpu.js' own example of a matrix product, [N, N] by [N, N], in its WebAssembly mode on one thread: what it has for a processor. Its
 * operands go in with each run, for it keeps none there.
 */
export async function openGpuJs(N: number, a: HostTensor, b: HostTensor): Promise<Contestant> {
  const gpu = new GPU({ mode: "webasm" as "cpu" }); // its types lag behind its modes
  const source = `function (a, b) {
    let sum = 0;
    for (let i = 0; i < this.constants.size; i++) sum += a[this.thread.y][i] * b[i][this.thread.x];
    return sum;
  }`;
  const multiply = gpu.createKernel(source as never, { constants: { size: N }, output: [N, N] });
  const [left, right] = [a, b].map(({ data }) => new Input(data as never, [N, N]));
  return {
    version,
    async run() {
      const rows = multiply(left as never, right as never) as unknown as readonly Float32Array[];
      const product = new Float32Array(N * N);
      rows.forEach((row, n) => product.set(row, n * N));
      return product;
    },
    close: async () => void (await gpu.destroy()),
  };
}
