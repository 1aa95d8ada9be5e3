// The equations of the cells unit by unit, in float64 and for one sequence. Nothing is imported from src/: the order of gates in the
// matrices is written out here a second time.

export type Matrix = { readonly columns: number; readonly data: ArrayLike<number> };
export type Weights = Readonly<Record<string, Matrix>>;
/** After a step: h, and c where the cell has one. */
export type Reckoned = { readonly hidden: number[]; readonly cell?: number[] };

const sigma = (x: number): number => 1 / (1 + Math.exp(-x));

function dot({ columns, data }: Matrix, row: number, x: readonly number[]): number {
  let total = 0;
  for (let k = 0; k < columns; k++) total += data[row * columns + k] * x[k];
  return total;
}

type Step = (weights: Weights, x: readonly number[], before: Reckoned) => Reckoned;

/** Rows i, o, f, g of weight, recurrent and bias; i, o, f of the peephole. */
const lstm: Step = ({ weight, recurrent, bias, peephole, projection }, x, { hidden, cell = [] }) => {
  const H = cell.length;
  const next = { hidden: [] as number[], cell: [] as number[] };
  for (let j = 0; j < H; j++) {
    const [i, o, f, g] = [0, 1, 2, 3].map((gate) => {
      const row = gate * H + j;
      return dot(weight, row, x) + dot(recurrent, row, hidden) + bias.data[row];
    });
    const sees = (gate: number, c: number) => (peephole ? peephole.data[gate * H + j] * c : 0);
    next.cell[j] = sigma(f + sees(2, cell[j])) * cell[j] + sigma(i + sees(0, cell[j])) * Math.tanh(g);
    next.hidden[j] = sigma(o + sees(1, next.cell[j])) * Math.tanh(next.cell[j]);
  }
  if (!projection) return next;
  const rows = projection.data.length / projection.columns;
  return { ...next, hidden: Array.from({ length: rows }, (_, row) => dot(projection, row, next.hidden)) };
};

/** Rows z, r, n; the reset gate multiplies what the recurrent matrix made. */
const gruResetAfter: Step = ({ weight, recurrent, bias, recurrentBias }, x, { hidden }) => {
  const H = hidden.length;
  const next = hidden.map((h, j) => {
    const z = sigma(dot(weight, j, x) + dot(recurrent, j, hidden) + bias.data[j]);
    const r = sigma(dot(weight, H + j, x) + dot(recurrent, H + j, hidden) + bias.data[H + j]);
    const memory = dot(recurrent, 2 * H + j, hidden) + recurrentBias.data[j];
    const n = Math.tanh(dot(weight, 2 * H + j, x) + bias.data[2 * H + j] + r * memory);
    return (1 - z) * n + z * h;
  });
  return { hidden: next };
};

/** The same, but the reset gate multiplies the state before the matrix does. */
const gruResetBefore: Step = ({ weight, recurrent, recurrentCandidate, bias }, x, { hidden }) => {
  const H = hidden.length;
  const gate = (row: number) => sigma(dot(weight, row, x) + dot(recurrent, row, hidden) + bias.data[row]);
  const kept = hidden.map((h, j) => gate(H + j) * h);
  const next = hidden.map((h, j) => {
    const n = Math.tanh(dot(weight, 2 * H + j, x) + dot(recurrentCandidate, j, kept) + bias.data[2 * H + j]);
    return (1 - gate(j)) * n + gate(j) * h;
  });
  return { hidden: next };
};

const vanilla =
  (activate: (x: number) => number): Step =>
  ({ weight, recurrent, bias }, x, { hidden }) => ({
    hidden: hidden.map((_, j) => activate(dot(weight, j, x) + dot(recurrent, j, hidden) + bias.data[j])),
  });

export const equations: Readonly<Record<string, Step>> = {
  lstm,
  "lstm, peephole": lstm,
  "lstm, projection": lstm,
  "gru, reset after": gruResetAfter,
  "gru, reset before": gruResetBefore,
  "vanilla, tanh": vanilla(Math.tanh),
  "vanilla, relu": vanilla((x) => Math.max(x, 0)),
};
