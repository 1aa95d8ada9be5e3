import { constantOf, elementsOf, type Tensor } from "@lowbit/core-tensor";

/** Ones in the shape of the codes of one image, or of one filter: [1, …]. A grid that does not begin at 0 is a sum over them, too. */
export function onesLike({ shape }: Tensor): Tensor {
  const one = [1, ...shape.slice(1)];
  return constantOf({ dtype: "f32", shape: one, data: new Float32Array(elementsOf(one)).fill(1) });
}
