import { reshape, slice, type Tensor, zeroPad } from "@lowbit/core-tensor";
import type { Term } from "../define-quantizer.js";

const groupsOf = (w: Tensor, size: number): number => Math.ceil(w.shape[1] / size);

/** w [M, C, …] as [M, G, size, …], the last group filled up with zeros. */
export function inGroups(w: Tensor, size: number): Tensor {
  const [M, C, ...rest] = w.shape;
  const groups = groupsOf(w, size);
  const missing = groups * size - C;
  const whole =
    missing === 0
      ? w
      : zeroPad(w, { before: w.shape.map(() => 0), after: w.shape.map((_, axis) => (axis === 1 ? missing : 0)) });
  return reshape(whole, { shape: [M, groups, size, ...rest] });
}

/** [M, G, size, …] as w [M, C, …] again. */
export function outOfGroups(grouped: Tensor, { shape }: Tensor): Tensor {
  const [M, groups, size, ...rest] = grouped.shape;
  const whole = reshape(grouped, { shape: [M, groups * size, ...rest] });
  return shape[1] === groups * size ? whole : slice(whole, { begin: shape.map(() => 0), size: shape });
}

/** One group of input channels of a weight. */
interface ChannelGroup {
  readonly channels: Required<Term>["channels"];
  /** Of codes [M, C, …], those of the group. */
  codesOf(codes: Tensor): Tensor;
  /** Of numbers [M, G, 1, …], one for each group: its own, [M, 1, …], as they stretch over its codes. */
  own(numbers: Tensor): Tensor;
}

/** The groups of a weight [M, C, …], in order; the last one may have fewer channels. */
export function listGroups(w: Tensor, size: number): ChannelGroup[] {
  const [M, C, ...rest] = w.shape;
  return Array.from({ length: groupsOf(w, size) }, (_, group) => {
    const channels = { from: group * size, count: Math.min(size, C - group * size) };
    const begin = w.shape.map((_, axis) => (axis === 1 ? channels.from : 0));
    return {
      channels,
      codesOf: (codes) => slice(codes, { begin, size: [M, channels.count, ...rest] }),
      own: (numbers) => {
        const { shape } = numbers;
        const own = slice(numbers, {
          begin: shape.map((_, axis) => (axis === 1 ? group : 0)),
          size: shape.map((whole, axis) => (axis === 1 ? 1 : whole)),
        });
        return reshape(own, { shape: [M, 1, ...rest.map(() => 1)] });
      },
    };
  });
}
