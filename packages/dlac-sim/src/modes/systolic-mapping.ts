import type { SystolicConfiguration } from "../config/config.js";
import type { Products } from "../workload/layer.js";

/** A product on an array: two axes lie on rows and columns, the third is time. */
export interface Mapping {
  /** Values along the rows, along the columns, and steps of one pass (a "fold"). */
  readonly onRows: number;
  readonly onColumns: number;
  readonly steps: number;
  readonly rowFolds: number;
  readonly columnFolds: number;
  /** Cycles of a fold besides its steps: skew, and loading what stays in the array. */
  readonly overhead: number;
}

/**
 * How a product [pixels, window] · [window, filters] lies on an array. Cycles are (steps + overhead) · folds:
 *
 *     output stationary   (K + R + C − 2)   · ⌈M/R⌉ · ⌈N/C⌉
 *     weight stationary   (2R + M + C − 2)  · ⌈K/R⌉ · ⌈N/C⌉
 *     input stationary    (2R + N + C − 2)  · ⌈K/R⌉ · ⌈M/C⌉
 *
 * with M pixels, N filters, K window. Source: Samajdar et al., "A Systematic Methodology for Characterizing Scalability of DNN
 * Accelerators using SCALE-Sim", ISPASS 2020, eqs. 1–4; SCALE-Sim reports one cycle less, the index of the last one (its issue #125).
 */
export function mapProduct({ pixels, filters, window }: Products, machine: SystolicConfiguration): Mapping {
  const { rows, columns, dataflow } = machine;
  const [onRows, onColumns, steps] = {
    os: [pixels, filters, window],
    ws: [window, filters, pixels],
    is: [window, pixels, filters],
  }[dataflow];
  const overhead = dataflow === "os" ? rows + columns - 2 : 2 * rows + columns - 2;
  const [rowFolds, columnFolds] = [Math.ceil(onRows / rows), Math.ceil(onColumns / columns)];
  return { onRows, onColumns, steps, rowFolds, columnFolds, overhead };
}
