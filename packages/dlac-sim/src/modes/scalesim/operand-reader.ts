import type { OperandStream } from "./operand-stream.js";
import type { PortUse, ReadBuffer } from "./read-buffers.js";

/** Asks a buffer for what the array reads of one operand, cycle by cycle. */
export class OperandReader {
  readonly #stream: OperandStream;
  readonly #rows: number;
  readonly #buffer: ReadBuffer | undefined;
  readonly #whole: PortUse | undefined;

  /** @param source  a buffer, or the traffic of an operand that fits, whose reads never wait */
  constructor(stream: OperandStream, rows: number, source: ReadBuffer | PortUse) {
    this.#stream = stream;
    this.#rows = rows;
    [this.#buffer, this.#whole] = "readLine" in source ? [source, undefined] : [undefined, source];
  }

  /** @returns cycles that the array waits for what it reads in cycle `time` of a fold */
  read(rowFold: number, columnFold: number, time: number, cycle: number): number {
    if (this.#buffer === undefined) return 0;
    const { kind, steps, units, width, delay, side } = this.#stream;
    const unit = (side === "rows" ? rowFold : columnFold) * width;
    const used = Math.min(width, units.length - unit);
    if (kind === "stationary") {
      const step = rowFold * this.#rows + this.#rows - 1 - time;
      if (time >= this.#rows || step >= steps.length) return 0;
      return this.#buffer.readLine(steps, step, 0, units, unit, 0, used - 1, cycle);
    }
    const step = time - delay;
    const first = Math.max(0, step - steps.length + 1);
    return this.#buffer.readLine(steps, step, -1, units, unit, first, Math.min(used - 1, step), cycle);
  }

  finish(): PortUse {
    return this.#buffer?.finish() ?? (this.#whole as PortUse);
  }
}

/** The last cycle of all folds, waiting left out, in which the array reads an operand's value. */
export function lastRequest(
  stream: OperandStream,
  rows: number,
  folds: { readonly rowFolds: number; readonly columnFolds: number; readonly cycles: number },
): number {
  let last = -1;
  const probe: ReadBuffer = {
    readLine: (steps, step, direction, units, unit, first, end, line) => {
      for (let e = first; e <= end && last < line; e++) {
        if (!stream.isPadding?.(steps[step + direction * e] + units[unit + e])) last = line;
      }
      return 0;
    },
    finish: () => ({ start: 0, stop: 0, words: 0 }),
  };
  const reader = new OperandReader(stream, rows, probe);
  for (let fold = folds.rowFolds * folds.columnFolds - 1; fold >= 0 && last < 0; fold--) {
    const [columnFold, rowFold] = [Math.floor(fold / folds.rowFolds), fold % folds.rowFolds];
    for (let time = folds.cycles - 1; time >= 0 && last < 0; time--) {
      reader.read(rowFold, columnFold, time, fold * folds.cycles + time);
    }
  }
  return last;
}
