import type { SystolicConfiguration } from "../../config/config.js";
import { SimulatorError } from "../../simulator-error.js";
import { type Layer, type Products, productsOf } from "../../workload/layer.js";
import { type Mapping, mapProduct } from "../systolic-mapping.js";
import { lastRequest, OperandReader } from "./operand-reader.js";
import {
  countDistinct,
  mapAddresses,
  type OperandAddresses,
  type OperandStream,
  productInputAddresses,
  weightAddresses,
} from "./operand-stream.js";
import { EstimatingReadBuffer, estimateWhole, FetchingReadBuffer, fetchWhole, type PortUse } from "./read-buffers.js";
import { WriteBuffer } from "./write-buffer.js";

/** First and last cycle in which the array reads or writes an operand. */
export interface Span {
  readonly start: number;
  readonly stop: number;
}

/** What SCALE-Sim's memories make of a layer. Cycles count from 0, those before it are negative; words are of 8 bits. */
export interface ScalesimReplay {
  readonly totalCycles: number;
  readonly stallCycles: number;
  /** From the first word out of DRAM to the last one into it. */
  readonly cyclesWithPrefetch: number;
  readonly sram: { readonly inputs: Span; readonly weights: Span; readonly outputs: Span };
  readonly dram: { readonly inputs: PortUse; readonly weights: PortUse; readonly outputs: PortUse };
}

export const WORD_BITS = 8; // SCALE-Sim: word_size = 1 byte
const MOST_ADDRESSES = 2 ** 27;
const MOST_REQUESTS = 2 ** 36;

/**
 * Replays a layer's requests through SCALE-Sim's double-buffered memories, request by request where an operand is larger than half its
 * buffer, else by formula. One group of a grouped layer.
 *
 * As SCALE-Sim v3's reference results (its test/general). Elsewhere it differs: v2 takes the end of the last drain for that of output
 * traffic, not the latest one's; some commits let the array wait for each drain (its issue #4), the newest no longer wait twice for a
 * fetch (#130), and read inputs and weights with the bandwidth of its [layout] section.
 *
 * @throws {SimulatorError} when the layer has too many requests to replay
 */
export function replayScalesim(layer: Layer, machine: SystolicConfiguration): ScalesimReplay {
  const products = productsOf(layer, "ceiling");
  const mapping = mapProduct(products, machine);
  const { rows, columns, dataflow, dramBitsPerCycle } = machine;
  checkSize(layer, products, mapping);
  const userWords = dramBitsPerCycle && Math.max(1, Math.floor(dramBitsPerCycle / WORD_BITS));
  const streams = streamsOf(layer, products, machine);
  const inputs = readerOf(streams.inputs, machine.inputBufferBytes, userWords, machine);
  const weights = readerOf(streams.weights, machine.weightBufferBytes, userWords, machine);
  const outputs = new WriteBuffer(machine.outputBufferBytes, userWords ?? columns);

  const { rowFolds, columnFolds } = mapping;
  const foldCycles = mapping.steps + mapping.overhead;
  const lastInput = lastRequest(streams.inputs, rows, { rowFolds, columnFolds, cycles: foldCycles });
  const lastWeight = lastRequest(streams.weights, rows, { rowFolds, columnFolds, cycles: foldCycles });
  const spans = { inputs: [-1, -1], weights: [-1, -1], outputs: [-1, -1] };
  let [stalls, line, served] = [0, 0, 0];
  for (let column = 0; column < columnFolds; column++) {
    const usedColumns = Math.min(columns, mapping.onColumns - column * columns);
    for (let row = 0; row < rowFolds; row++) {
      const usedRows = dataflow === "os" ? Math.min(rows, mapping.onRows - row * rows) : rows;
      for (let time = 0; time < foldCycles; time++, line++) {
        const cycle = line + stalls;
        const inputStall = inputs.read(row, column, time, cycle);
        const weightStall = weights.read(row, column, time, cycle);
        if (line === streams.inputs.delay) spans.inputs[0] = cycle + inputStall + 1;
        if (line === streams.weights.delay) spans.weights[0] = cycle + weightStall + 1;
        if (line === lastInput) spans.inputs[1] = cycle + inputStall + 1;
        if (line === lastWeight) spans.weights[1] = cycle + weightStall + 1;
        const words = outputsIn(time, mapping.steps, usedRows, usedColumns, machine);
        const outputStall = words === 0 ? 0 : outputs.write(words, cycle);
        served = cycle + outputStall;
        if (words > 0) {
          if (spans.outputs[0] < 0) spans.outputs[0] = served;
          spans.outputs[1] = served;
        }
        stalls += Math.max(inputStall, weightStall, outputStall);
      }
    }
  }
  const dram = { inputs: inputs.finish(), weights: weights.finish(), outputs: outputs.finish(served) };
  const span = ([start, stop]: number[]): Span => ({ start, stop });
  return {
    totalCycles: served,
    stallCycles: stalls,
    cyclesWithPrefetch: dram.outputs.stop - Math.min(dram.inputs.start, dram.weights.start),
    sram: { inputs: span(spans.inputs), weights: span(spans.weights), outputs: span(spans.outputs) },
    dram,
  };
}

/** Output stationary: inputs stream along the rows, weights along the columns. The other two hold one of them in the array. */
function streamsOf(
  layer: Layer,
  products: Products,
  { rows, columns, dataflow }: SystolicConfiguration,
): { readonly inputs: OperandStream; readonly weights: OperandStream } {
  const inputs = layer.type === "gemm" ? productInputAddresses(products) : mapAddresses(layer, products);
  const weights = weightAddresses(products);
  const streamed = (side: "rows" | "columns", steps: Int32Array, units: Int32Array, delay: number) =>
    ({ kind: "streamed", side, steps, units, width: side === "rows" ? rows : columns, delay }) as const;
  const stationary = ({ byWindow, byOuter, ...operand }: OperandAddresses): OperandStream => ({
    ...({ kind: "stationary", side: "columns", width: columns } as const),
    ...{ ...operand, steps: byWindow, units: byOuter },
    delay: Math.max(0, rows - byWindow.length),
  });
  switch (dataflow) {
    case "os":
      return {
        inputs: { ...inputs, ...streamed("rows", inputs.byWindow, inputs.byOuter, 0) },
        weights: { ...weights, ...streamed("columns", weights.byWindow, weights.byOuter, 0) },
      };
    case "ws":
      return {
        inputs: { ...inputs, ...streamed("rows", inputs.byOuter, inputs.byWindow, rows) },
        weights: stationary(weights),
      };
    case "is":
      return {
        inputs: stationary(inputs),
        weights: { ...weights, ...streamed("rows", weights.byOuter, weights.byWindow, rows) },
      };
  }
}

function readerOf(
  stream: OperandStream,
  bufferWords: number,
  userWords: number | undefined,
  { rows }: SystolicConfiguration,
): OperandReader {
  const source =
    userWords === undefined
      ? (estimateWhole(countDistinct(stream), bufferWords) ??
        new EstimatingReadBuffer(stream, bufferWords, stream.delay))
      : (fetchWhole(stream, bufferWords, userWords) ?? new FetchingReadBuffer(stream, bufferWords, userWords));
  return new OperandReader(stream, rows, source);
}

/** Outputs that leave the array's columns in one cycle of a fold; each column is one cycle behind its neighbour. */
function outputsIn(
  time: number,
  steps: number,
  usedRows: number,
  usedColumns: number,
  { rows, dataflow }: SystolicConfiguration,
): number {
  // the first output leaves column 0 in this cycle, the last one `span` cycles on
  const [first, span] = dataflow === "os" ? [steps - 1 + rows - usedRows, usedRows] : [2 * rows - 1, steps];
  const behind = time - first;
  return Math.max(0, Math.min(usedColumns - 1, behind) - Math.max(0, behind - span + 1) + 1);
}

function checkSize(layer: Layer, { pixels, filters, window }: Products, mapping: Mapping): void {
  const addresses = Math.max(pixels * window, filters * window);
  const requests = pixels * window * mapping.columnFolds + filters * window * mapping.rowFolds;
  if (addresses <= MOST_ADDRESSES && requests <= MOST_REQUESTS) return;
  throw new SimulatorError("LOWBIT_CONFIGURATION", "the layer is too large to replay SCALE-Sim's memories", {
    where: layer.name,
    want: `at most ${MOST_ADDRESSES} window positions or weights and ${MOST_REQUESTS} reads; or scalesimCompat false`,
    got: `${addresses} and ${requests}`,
  });
}
