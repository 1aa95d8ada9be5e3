/**
 * SCALE-Sim as it works itself, slowly: matrices of addresses for every cycle, and buffers that are lists of sets. Addresses −1 ask for
 * nothing. After the description of its sources (compute/systolic_compute_*.py, memory/*.py), v3.
 */
export interface OracleCase {
  readonly dataflow: "os" | "ws" | "is";
  readonly rows: number;
  readonly columns: number;
  /** [height, width, filter height, filter width, channels, filters, stride] */
  readonly conv: readonly [number, number, number, number, number, number, number];
  readonly bufferWords: readonly [number, number, number];
  /** Words a cycle; undefined: CALC. */
  readonly bandwidth: number | undefined;
}

type Matrix = readonly (readonly number[])[];

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
const blank = (rows: number, columns: number): number[][] => range(rows).map(() => range(columns).map(() => -1));
const transposed = (matrix: Matrix): number[][] => matrix[0].map((_, column) => matrix.map((row) => row[column]));
const cut = (matrix: Matrix, row: number, rows: number, column: number, columns: number): number[][] =>
  range(rows).map((i) => range(columns).map((j) => matrix[row + i]?.[column + j] ?? -1));

function skewed(matrix: Matrix): number[][] {
  const out = blank(matrix.length + matrix[0].length - 1, matrix[0].length);
  matrix.forEach((row, i) => {
    row.forEach((value, j) => {
      out[i + j][j] = value;
    });
  });
  return out;
}

function alongDiagonals(matrix: Matrix): number[] {
  const out: number[] = [];
  for (let diagonal = 0; diagonal < matrix.length + matrix[0].length; diagonal++) {
    for (let row = matrix.length - 1; row >= 0; row--) {
      const value = matrix[row][diagonal - row];
      if (value !== undefined) out.push(value);
    }
  }
  return out;
}

class EstimatingBuffer {
  readonly #sets: Set<number>[] = [];
  readonly #perSet: number;
  #current = new Set<number>();
  #start = 0;
  #first: number | undefined;
  #done = false;
  #lastStart = -2;
  #lastEnd = -1;
  readonly trace: number[] = [];
  words = 0;

  constructor(words: number) {
    this.#perSet = Math.floor(words / 100);
  }

  #prefetch(from: number, to: number, perCycle: number | undefined): void {
    const words = this.#sets.slice(from, to + 1).reduce((sum, set) => sum + set.size, 0);
    const cycles = this.#lastEnd - this.#lastStart + 1;
    if (perCycle === undefined && cycles <= 0) throw new Error("SCALE-Sim divides by zero here");
    this.words += words;
    for (let cycle = 0; cycle < cycles; cycle++) this.trace.push(this.#lastStart + cycle + 1);
  }

  read(addresses: readonly number[], cycle: number): number {
    for (const address of addresses) {
      if (address === -1) continue;
      this.#first ??= cycle;
      const inUse = this.#sets.slice(this.#start, this.#start + 50);
      if (this.#current.has(address) || inUse.some((set) => set.has(address))) continue;
      this.#current.add(address);
      if (this.#current.size !== this.#perSet) continue;
      this.#sets.push(this.#current);
      this.#current = new Set();
      if (this.#sets.length !== this.#start + 50) continue;
      if (this.#done) this.#prefetch(this.#start, this.#start + 49, undefined);
      else {
        this.#lastEnd = this.#first - 2;
        this.#lastStart = this.#lastEnd - Math.ceil((50 * this.#perSet) / 10) + 1;
        this.#prefetch(0, 49, 10);
        this.#done = true;
      }
      this.#start += 50;
      this.#lastStart = this.#lastEnd + 1;
      this.#lastEnd = cycle;
    }
    return cycle + 1;
  }

  finish(): void {
    if (this.#current.size > 0) this.#sets.push(this.#current);
    if (this.#done) {
      this.#prefetch(this.#start, this.#sets.length - 1, undefined);
      return;
    }
    this.#lastEnd = -2;
    this.#lastStart = this.#lastEnd - Math.ceil((this.#sets.length * this.#perSet) / 10) + 1;
    this.#prefetch(0, this.#sets.length - 1, 10);
  }
}

class FetchingBuffer {
  readonly #sets: Set<number>[] = [];
  readonly #active: number;
  readonly #prefetched: number;
  readonly #prefetchCycles: number;
  readonly #bandwidth: number;
  #start = 0;
  #arrival = -1;
  readonly trace: number[];
  words: number;

  constructor(order: readonly number[], words: number, bandwidth: number) {
    const half = Math.ceil(words / 2);
    const perSet = Math.ceil(words / 100);
    let set = new Set<number>();
    let count = 0;
    for (const address of order) {
      if (address === -1) continue;
      set.add(address);
      if (++count < perSet) continue;
      this.#sets.push(set);
      set = new Set();
      count = 0;
    }
    this.#sets.push(set);
    this.#active = Math.min(Math.ceil(half / perSet), this.#sets.length);
    this.#prefetched = Math.min(Math.ceil((words - half) / perSet), this.#sets.length - this.#active);
    this.#prefetchCycles = Math.ceil((words - half) / bandwidth);
    this.#bandwidth = bandwidth;
    const cycles = Math.min(Math.ceil(half / bandwidth), Math.ceil(order.length / bandwidth));
    this.trace = range(cycles).map((cycle) => cycle - cycles);
    this.words = cycles * bandwidth;
  }

  #isThere(address: number): boolean {
    return range(this.#active).some((set) => this.#sets[(this.#start + set) % this.#sets.length].has(address));
  }

  read(addresses: readonly number[], cycle: number): number {
    let offset = 1;
    for (const address of addresses) {
      while (address !== -1 && !this.#isThere(address)) {
        this.#start = (this.#start + this.#prefetched) % this.#sets.length;
        for (let line = 0; line < this.#prefetchCycles; line++) this.trace.push(this.#arrival + line + 2);
        this.#arrival += this.#prefetchCycles + 1;
        this.words += this.#prefetchCycles * this.#bandwidth;
        const wait = this.#arrival - (cycle + offset);
        offset += wait;
        if (wait > 0) offset += wait;
      }
    }
    return cycle + offset;
  }

  finish(): void {}
}

class DrainingBuffer {
  readonly #size: number;
  readonly #half: number;
  readonly #bandwidth: number;
  readonly #lines: number[][] = [];
  #line: number[] = [];
  #free: number;
  #drained = 0;
  #end = 0;
  readonly trace: number[] = [];
  words = 0;

  constructor(words: number, bandwidth: number) {
    this.#size = words;
    this.#half = words - Math.ceil(words / 2);
    this.#bandwidth = bandwidth;
    this.#free = words;
  }

  #close(): void {
    if (this.#line.length > 0) this.#lines.push(this.#line);
    this.#line = [];
  }

  #drain(cycle: number): number {
    const lines = this.#lines.slice(this.#drained, this.#drained + Math.ceil(this.#half / this.#bandwidth));
    if (lines.length === 0) throw new Error("SCALE-Sim drains nothing here");
    const words = (lines.length - 1) * this.#bandwidth + lines[lines.length - 1].length;
    this.words += words;
    this.#free += words;
    this.#drained += lines.length;
    lines.forEach((_, line) => {
      this.trace.push(cycle + line);
    });
    return cycle + lines.length - 1;
  }

  write(addresses: readonly number[], cycle: number): number {
    let now = cycle;
    for (const address of addresses) {
      if (address === -1) continue;
      this.#line.push(address);
      this.#free--;
      if (this.#line.length === this.#bandwidth) this.#close();
      if (now < this.#end) {
        if (this.#free <= 0) now = this.#end;
      } else if (this.#free < this.#size - this.#half) {
        this.#close();
        this.#end = this.#drain(now);
      }
    }
    return now;
  }

  finish(cycle: number): void {
    this.#close();
    for (let now = cycle; this.#drained < this.#lines.length; ) now = this.#drain(now) + 1;
  }
}

export function scalesimOracle({ dataflow, rows: R, columns: C, conv, bufferWords, bandwidth }: OracleCase) {
  const [H, W, r, s, channels, N, stride] = conv;
  const [high, wide] = [Math.ceil((H - r + stride) / stride), Math.ceil((W - s + stride) / stride)];
  const [M, K] = [high * wide, r * s * channels];
  const ifmap = range(M).map((pixel) =>
    range(K).map((k) => {
      const y = Math.floor(pixel / wide) * stride + Math.floor(k / (s * channels));
      const x = (pixel % wide) * stride + Math.floor((k % (s * channels)) / channels);
      return y >= H || x >= W ? -1 : (y * W + x) * channels + (k % channels);
    }),
  );
  const filter = range(K).map((k) => range(N).map((n) => n * K + k));
  const ofmap = range(M).map((pixel) => range(N).map((n) => pixel * N + n));
  const [onRows, onColumns, T] = { os: [M, N, K], ws: [K, N, M], is: [K, M, N] }[dataflow];
  const [rowFolds, columnFolds] = [Math.ceil(onRows / R), Math.ceil(onColumns / C)];

  const inputDemand: number[][] = [];
  const weightDemand: number[][] = [];
  const outputDemand: number[][] = [];
  for (let fc = 0; fc < columnFolds; fc++) {
    for (let fr = 0; fr < rowFolds; fr++) {
      const [row, column] = [fr * R, fc * C];
      if (dataflow === "os") {
        inputDemand.push(...skewed([...cut(transposed(ifmap), 0, T, row, R), ...blank(C - 1, R)]));
        weightDemand.push(...skewed([...cut(filter, 0, T, column, C), ...blank(R - 1, C)]));
        outputDemand.push(...skewed([...blank(T - 1, C), ...cut(ofmap, row, R, column, C).reverse()]));
        continue;
      }
      const [streamed, held, out] = {
        ws: [ifmap, filter, ofmap],
        is: [transposed(filter), transposed(ifmap), transposed(ofmap)],
      }[dataflow];
      const streamedDemand = skewed([...blank(R, R), ...cut(streamed, 0, T, row, R), ...blank(C - 1, R)]);
      const heldDemand = [...cut(held, row, R, column, C).reverse(), ...blank(R + C + T - 2, C)];
      (dataflow === "ws" ? inputDemand : weightDemand).push(...streamedDemand);
      (dataflow === "ws" ? weightDemand : inputDemand).push(...heldDemand);
      outputDemand.push(...skewed([...blank(2 * R - 1, C), ...cut(out, 0, T, column, C)]));
    }
  }

  const stacked = (matrix: Matrix, folds: number, width: number): number[][] =>
    range(folds).flatMap((fold) => cut(matrix, 0, matrix.length, fold * width, width));
  const order = {
    os: () => [
      alongDiagonals(stacked(transposed(ifmap), rowFolds, R)),
      alongDiagonals(stacked(filter, columnFolds, C)),
    ],
    ws: () => [alongDiagonals(stacked(ifmap, rowFolds, R)), stacked(filter, columnFolds, C).flat()],
    is: () => [
      stacked(transposed(ifmap), columnFolds, C).flat(),
      alongDiagonals(stacked(transposed(filter), rowFolds, R)),
    ],
  };
  const [inputs, weights] = [0, 1].map((operand) =>
    bandwidth === undefined
      ? new EstimatingBuffer(bufferWords[operand])
      : new FetchingBuffer(order[dataflow]()[operand], bufferWords[operand], bandwidth),
  );
  const outputs = new DrainingBuffer(bufferWords[2], bandwidth ?? C);

  const served: number[][] = [[], [], []];
  let stalls = 0;
  outputDemand.forEach((line, index) => {
    const cycle = index + stalls;
    served[0].push(inputs.read(inputDemand[index], cycle));
    served[1].push(weights.read(weightDemand[index], cycle));
    served[2].push(outputs.write(line, cycle));
    stalls += Math.max(served[0][index] - cycle - 1, served[1][index] - cycle - 1, served[2][index] - cycle);
  });
  inputs.finish();
  weights.finish();
  outputs.finish(served[2][served[2].length - 1]);

  const span = (demand: Matrix, cycles: readonly number[]) => {
    const asked = cycles.filter((_, index) => demand[index].some((address) => address !== -1));
    return { start: asked[0], stop: asked[asked.length - 1] };
  };
  const port = ({ trace, words }: { readonly trace: readonly number[]; readonly words: number }) => ({
    start: bandwidth === undefined ? trace[0] : Math.min(...trace),
    stop: bandwidth === undefined ? trace[trace.length - 1] : Math.max(...trace),
    words,
  });
  const dram = {
    inputs: port(inputs),
    weights: port(weights),
    outputs: { start: Math.min(...outputs.trace), stop: Math.max(...outputs.trace), words: outputs.words },
  };
  return {
    totalCycles: Math.max(...served[2]),
    stallCycles: stalls,
    cyclesWithPrefetch: dram.outputs.stop - Math.min(dram.inputs.start, dram.weights.start),
    sram: {
      inputs: span(inputDemand, served[0]),
      weights: span(weightDemand, served[1]),
      outputs: span(outputDemand, served[2]),
    },
    dram,
  };
}
