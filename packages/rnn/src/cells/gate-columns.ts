import { slice, type Tensor } from "@lowbit/core-tensor";

/** Gates `from` up to, not including, `to` of x [N, gates · hiddenSize] → [N, (to − from) · hiddenSize]. */
export function gateColumns(x: Tensor, from: number, to: number, hiddenSize: number): Tensor {
  return slice(x, { begin: [0, from * hiddenSize], size: [x.shape[0], (to - from) * hiddenSize] });
}
