import type { HostTensor } from "@lowbit/core-tensor";

/** The first images of a batch [N, C, H, W] of f32; all where it has no more. */
export function firstImages({ shape, data }: HostTensor, most: number): HostTensor {
  const [N, ...image] = shape;
  const count = Math.min(N, most);
  return { dtype: "f32", shape: [count, ...image], data: (data as Float32Array).slice(0, (data.length / N) * count) };
}
