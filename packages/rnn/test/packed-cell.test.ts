import { createEngine, type HostTensor } from "@lowbit/core-tensor";
import { createRegistry } from "@lowbit/quant";
import { plugin, wrpn } from "@lowbit/wrpn";
import { afterAll, expect, it } from "vitest";
import { bindCellQuantizers, lstmCell, planCellQuantization, unroll, zeroState } from "../src/index.js";

const engine = await createEngine({ threads: 1 });
afterAll(() => engine.close());
const SIZE = 64;

function makeCell(precision: string, packed?: ReadonlyMap<string, HostTensor>) {
  const { layers } = planCellQuantization([{ name: "lstm", hiddenSize: SIZE }], { precision, scheme: wrpn });
  const quantizers = bindCellQuantizers(layers[0], createRegistry(plugin));
  return lstmCell({ name: "lstm", inputSize: SIZE, hiddenSize: SIZE, seed: 1, quantizers, packed });
}

/** From zeros the first product with the state is of constants alone: computed once, while the inputs lie in memory already. */
it.each([
  ["w2a2", 2, 1],
  ["w4a4", 5, 3],
])("a packed cell that begins with zeros computes the same bits in its first run: %s", async (precision, T, N) => {
  const latent = makeCell(precision);
  const names = [...latent.stored()];
  const values = await engine.evaluate(names.map(([, tensor]) => tensor));
  const packed = makeCell(precision, new Map(names.map(([name], i) => [name, values[i]])));
  const data = Float32Array.from({ length: T * N * SIZE }, (_, i) => Math.sin(i * i));
  const x: HostTensor = { dtype: "f32", shape: [T, N, SIZE], data };
  const [fake, real] = [latent, packed].map((cell) =>
    engine.compile((given) => ({
      outputs: unroll(cell, given.x, zeroState(cell, N), { training: false }).outputs,
    })),
  );
  const want = (await fake({ x })).outputs.data;
  expect((await real({ x })).outputs.data).toEqual(want);
  const kernels = real.explain().programs[0].calls.map(({ kernel }) => kernel);
  expect(kernels).toContain("concat-u8"); // steps hand on codes: all their states become levels together
  expect(kernels).not.toContain("concat-f32");
  expect(Math.max(...Array.from(want as Float32Array, Math.abs))).toBeGreaterThan(0);
});
