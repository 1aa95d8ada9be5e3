import { SimulatorError } from "../simulator-error.js";
import type { Layer } from "./layer.js";
import { parseWorkload, type Workload } from "./read-workload.js";

/** What the rows of a SCALE-Sim topology file are: convolutions, or products given as M, N, K. */
export type TopologyKind = "conv" | "gemm";

const columnsOf: Readonly<Record<TopologyKind, readonly string[]>> = {
  conv: ["IFMAP height", "IFMAP width", "filter height", "filter width", "channels", "num filter", "stride height"],
  gemm: ["M", "N", "K"],
};

const MOST_BYTES = 16 * 2 ** 20;

/**
 * The workload of a SCALE-Sim topology file, as it is: a header, then one layer a row, each value followed by a comma. There is no
 * column for padding: height and width include it. A stride's second number (width) may be absent, a last column may hold the
 * sparsity N:M of the weights. Rows whose name holds "DP" are depth-wise: one layer for each channel, as SCALE-Sim makes them.
 *
 * @throws {SimulatorError} names the line, the column and the value
 */
export function parseTopology(text: string, kind: TopologyKind, source = "topology"): Workload {
  if (text.length > MOST_BYTES) {
    throw new SimulatorError("LOWBIT_FILE_FORMAT", "the topology is too long", {
      where: source,
      want: "at most 16 MiB",
    });
  }
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  const layers: Layer[] = [];
  let isHeader = true; // the first line that is not blank, whatever it says
  for (const [index, line] of lines.entries()) {
    if (line.replace(/[\s,]/g, "") === "") continue;
    if (isHeader) {
      isHeader = false;
      continue;
    }
    layers.push(...parseRow(line, kind, `${source}, line ${index + 1}`));
  }
  if (layers.length === 0) {
    throw new SimulatorError("LOWBIT_FILE_FORMAT", "there is no layer in this topology", {
      where: source,
      want: `a header and rows of: layer name, ${columnsOf[kind].join(", ")}`,
    });
  }
  return { name: source, layers };
}

function parseRow(line: string, kind: TopologyKind, where: string): Layer[] {
  const [name, ...cells] = line.split(",").map((cell) => cell.trim());
  while (cells.at(-1) === "") cells.pop();
  const sparsity = /^\d+:\d+$/.test(cells.at(-1) ?? "") ? cells.pop() : undefined;
  const columns = columnsOf[kind];
  if (cells.length < columns.length || name === "") {
    const hint =
      kind === "conv" && cells.length === 3 ? "--workload-kind gemm, where the columns are M, N, K" : undefined;
    throw new SimulatorError("LOWBIT_FILE_FORMAT", `a row of ${cells.length + 1} values is no layer`, {
      where,
      want: `layer name, ${columns.join(", ")}${kind === "conv" ? ", stride width (optional)" : ""}`,
      got: line.slice(0, 200),
      hint,
    });
  }
  const most = columns.length + (kind === "conv" ? 1 : 0); // a stride's second number
  if (cells.length > most) {
    throw new SimulatorError("LOWBIT_FILE_FORMAT", `a row of ${cells.length + 1} values is more than a layer`, {
      where: `${where} ("${name}")`,
      want: `at most: layer name, ${columns.join(", ")}${kind === "conv" ? ", stride width" : ""}, sparsity N:M`,
      got: line.slice(0, 200),
    });
  }
  const numbers = cells.map((cell, column) => {
    if (/^\d+$/.test(cell) && Number(cell) >= 1 && Number(cell) <= 2 ** 24) return Number(cell);
    const title = columns[column] ?? (kind === "conv" && column === 7 ? "stride width" : `column ${column + 2}`);
    throw new SimulatorError("LOWBIT_FILE_FORMAT", `${title} can't be ${JSON.stringify(cell.slice(0, 40))}`, {
      where: `${where} ("${name}"), ${title}`,
      want: "a whole number from 1 to 16777216",
      got: cell,
    });
  });
  const wDensity = sparsity === undefined ? 1 : readSparsity(sparsity, where);
  if (kind === "gemm") {
    const [M, N, K] = numbers;
    return parseWorkload({ layers: [{ name, type: "gemm", M, N, K, wDensity }] }, where).layers as Layer[];
  }
  const [H, W, R, S, C, M, strideH, strideW = strideH] = numbers;
  const layer = { type: "conv", H, W, R, S, M, strideH, strideW, wDensity } as const;
  const isDepthwise = name.includes("DP"); // SCALE-Sim's own sign
  const layers = isDepthwise
    ? Array.from({ length: C }, (_, channel) => ({ ...layer, name: `${name}Channel_${channel}`, C: 1 }))
    : [{ ...layer, name, C }];
  const parsed = parseWorkload({ layers }, where).layers;
  return [...parsed];
}

/** "2:4" → 0.5 */
function readSparsity(text: string, where: string): number {
  const [kept, of] = text.split(":").map(Number);
  if (of >= 1 && kept <= of) return kept / of;
  throw new SimulatorError("LOWBIT_FILE_FORMAT", `sparsity can't be ${text}`, { where, want: "N:M with N at most M" });
}
