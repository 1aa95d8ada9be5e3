import { createEngine, grad, type HostTensor, type HostTensors, multiply, sum } from "@lowbit/core-tensor";
import { parseOptions, type Quantizer } from "../src/index.js";

export const tensor = (shape: readonly number[], values: ArrayLike<number>): HostTensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(values),
});

/**
 * Codes, levels and dx of a quantizer that works scale and statistics out of the very values, as a layer in training does; and
 * the gradients of the scalars that it learns, which are held at `learned`.
 */
export async function quantizeTensor<Options>(
  quantizer: Quantizer<Options>,
  written: unknown,
  x: HostTensor,
  upstream: ArrayLike<number> = new Float32Array(x.data.length).fill(1),
  learned: Readonly<Record<string, number>> = {},
) {
  const options = parseOptions(quantizer, written);
  const engine = await createEngine({ backend: "js" });
  const names = Object.keys(learned);
  const run = engine.compile(({ values, dy, ...trained }) => {
    const held = { ...quantizer.statistics?.(values, options), ...trained };
    const scale = quantizer.scale(options);
    const given =
      scale.kind === "statistic"
        ? scale.compute(values, options, held)
        : scale.kind === "learned"
          ? scale.compute(held)
          : undefined;
    const levels = quantizer.fakeQuantize(values, options, given, held);
    const codes = quantizer.toCodes(levels, options, given, held);
    const gradients = grad(sum(multiply(levels, dy)), [values, ...names.map((name) => trained[name])]);
    const ofLearned = names.map((name, i) => [`d ${name}`, gradients[i + 1]]);
    return { levels, codes, dx: gradients[0], ...Object.fromEntries(ofLearned) };
  });
  const scalars = Object.fromEntries(names.map((name) => [name, tensor([], [learned[name]])]));
  const { levels, codes, dx, ...others } = await run({ values: x, dy: tensor(x.shape, upstream), ...scalars });
  await engine.close();
  const plain = (each: HostTensor) => Array.from(each.data as Float32Array, (value) => value + 0);
  const dLearned = Object.fromEntries(names.map((name) => [name, plain((others as HostTensors)[`d ${name}`])[0]]));
  return { levels: plain(levels), codes: plain(codes), dx: plain(dx), dLearned };
}

/** All rows of `length` whole numbers from −most to most, and how many there are. */
export function allRows(length: number, most: number): { rows: number[][]; count: number } {
  const base = 2 * most + 1;
  const count = base ** length;
  const row = (i: number) => Array.from({ length }, (_, at) => (Math.floor(i / base ** at) % base) - most);
  return { rows: Array.from({ length: count }, (_, i) => row(i)), count };
}
