/** Sizes as a workload has them. */
export interface ConvolutionSizes {
  readonly batch: number;
  readonly C: number;
  readonly H: number;
  readonly W: number;
  readonly M: number;
  readonly R: number;
  readonly S: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly padH: number;
  readonly padW: number;
  readonly groups: number;
}

/** [batch, C, H, W] and [M, C / groups, R, S] → [batch, M, height, width], by the definition. */
export function convolve(inputs: readonly number[], weights: readonly number[], sizes: ConvolutionSizes): number[] {
  const { batch, C, H, W, M, R, S, strideH, strideW, padH, padW, groups } = sizes;
  const outputs: number[] = [];
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < M; m++) {
      for (let y = -padH; y + R <= H + padH; y += strideH) {
        for (let x = -padW; x + S <= W + padW; x += strideW) {
          let sum = 0;
          for (let c = 0; c < C / groups; c++) {
            const channel = Math.floor(m / (M / groups)) * (C / groups) + c;
            for (let r = 0; r < R; r++) {
              for (let s = 0; s < S; s++) {
                if (y + r < 0 || y + r >= H || x + s < 0 || x + s >= W) continue;
                sum +=
                  inputs[((n * C + channel) * H + y + r) * W + x + s] *
                  weights[((m * (C / groups) + c) * R + r) * S + s];
              }
            }
          }
          outputs.push(sum);
        }
      }
    }
  }
  return outputs;
}
