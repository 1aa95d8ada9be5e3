import type { Dtype, HostArray, HostTensor } from "../graph/dtype.js";
import { ArgumentError, GraphError, MemoryLimitError, NonFiniteError } from "../graph/errors.js";
import { elementsOf, type Shape, sameShape } from "../graph/shape.js";
import { checkHostTensor, input } from "../graph/sources.js";
import { Tensor } from "../graph/tensor.js";
import { trace, type Variable } from "../graph/variable.js";
import type { Backend, LoadedProgram } from "../plan/backend.js";
import { plan } from "../plan/plan.js";
import type { Buffer, PlannedBuffer, Program } from "../plan/program.js";
import { type Explanation, explainProgram } from "./explain.js";
import { describeLargestLayers, fittingBatch } from "./memory-report.js";

export type HostTensors = Record<string, HostTensor>;
export type Tensors = Record<string, Tensor>;

/** A function that was compiled: runs, and tells how. */
export interface Compiled<Inputs extends HostTensors, Outputs extends Tensors> {
  (inputs: Inputs): Promise<{ [Name in keyof Outputs]: HostTensor }>;
  /** What runs for the shapes seen so far: kernels with reasons, bytes, and why it was compiled again. */
  explain(): Explanation;
}

export interface EngineOptions {
  /** Bytes that variables and the largest program may take together; 3 GiB where absent. */
  readonly memoryLimit?: number;
}

export interface CompileOptions {
  /**
   * The results of all calls of the same shapes lie in the same arrays: the next call writes over them. For steps that run often and are
   * read at once, as a text that grows token by token. false where absent: results are the caller's.
   */
  readonly reuseResults?: boolean;
}

interface Prepared {
  readonly program: Program;
  loaded: LoadedProgram;
  scratchOffset: number;
  readonly names: readonly string[];
  /** Of the call before, and the bytes of each, where calls share them. */
  kept?: { readonly results: HostTensors; readonly bytes: readonly Uint8Array[] };
}

const DEFAULT_MEMORY_LIMIT = 3 * 2 ** 30;

/**
 * Compiles functions for one backend and holds their variables. Runs queue up, one at a time; results are copied out
 * before a call resolves. Each engine keeps its own values of a variable, which start from `variable.initial`.
 */
export class Engine {
  private readonly variables = new Map<Variable, PlannedBuffer["place"]>();
  private readonly constants = new Map<HostArray, PlannedBuffer["place"]>();
  private scratch = { offset: 0, bytes: 0 };
  private residentBytes = 0;
  private queue: Promise<unknown> = Promise.resolve();
  private isClosed = false;
  private readonly memoryLimit: number;

  constructor(
    readonly backend: Backend,
    options: EngineOptions = {},
  ) {
    this.memoryLimit = options.memoryLimit ?? DEFAULT_MEMORY_LIMIT;
  }

  /**
   * Makes a step of a function that builds a graph. It is traced once for each set of input shapes and dtypes, then only
   * run. What it assigns is written after everything has been computed and found finite, or not at all.
   *
   * @param options.reuseResults  all calls write their results to the same arrays
   * @throws {NonFiniteError} when a value to be written, or an f32 result of a step that writes, is NaN or Inf
   * @throws {MemoryLimitError} when the plan would not fit
   */
  compile<Inputs extends HostTensors, Outputs extends Tensors>(
    build: (inputs: { [Name in keyof Inputs]: Tensor }) => Outputs,
    { reuseResults = false }: CompileOptions = {},
  ): Compiled<Inputs, Outputs> {
    const prepared: Prepared[] = [];
    const call = (inputs: Inputs) =>
      this.enqueue(async () => {
        const known = prepared.find(({ program }) => isMadeFor(program, inputs));
        const step = known ?? this.prepare(build as (inputs: Tensors) => Tensors, inputs);
        if (!known) prepared.push(step);
        return (await this.run(step, inputs, reuseResults)) as { [Name in keyof Outputs]: HostTensor };
      });
    const explain = (): Explanation => ({
      backend: this.backend.name,
      build: this.backend.build,
      threads: this.backend.threads,
      compilations: prepared.length,
      programs: prepared.map(({ program, loaded }) => explainProgram(describeInputs(program), program, loaded)),
    });
    return Object.assign(call, { explain });
  }

  /** Computes tensors that depend on no input; the program is thrown away afterwards. */
  async evaluate(tensors: readonly Tensor[]): Promise<HostTensor[]> {
    const entries = tensors.map((tensor, i) => [`${i}`, tensor] as const);
    const results = await this.enqueue(async () => {
      const shared = new Set(this.constants.keys());
      const step = this.prepare(() => Object.fromEntries(entries), {});
      const values = await this.run(step, {});
      this.discard(step, shared);
      return values;
    });
    return entries.map(([name]) => results[name]);
  }

  /** Forgets a program and everything that was placed for it; the `shared` constants serve others. */
  private discard({ program, loaded }: Prepared, shared: ReadonlySet<HostArray>): void {
    loaded.dispose();
    for (const { buffer, data } of program.constants) {
      if (!shared.has(data) && this.constants.delete(data)) this.release(buffer);
    }
    for (const buffer of program.computedOnce) this.release(buffer);
  }

  private release({ place, bytes }: PlannedBuffer): void {
    this.backend.free(place.offset, bytes);
    this.residentBytes -= bytes;
  }

  /** The value of a variable on this engine. */
  read(variable: Variable): Promise<HostTensor> {
    return this.enqueue(async () => {
      const place = this.placeOf(variable);
      return this.readAt(place.offset, variable.shape, variable.dtype);
    });
  }

  /** Sets a variable on this engine, between runs. Shape and dtype must be the variable's. */
  write(variable: Variable, value: HostTensor): Promise<void> {
    checkHostTensor(`variable "${variable.name}"`, value);
    if (!sameShape(value.shape, variable.shape) || value.dtype !== variable.dtype) {
      throw new ArgumentError(`"${variable.name}" can't become ${value.dtype} [${value.shape}]`, {
        want: `${variable.dtype} [${variable.shape}]`,
        got: `${value.dtype} [${value.shape}]`,
      });
    }
    return this.enqueue(async () => this.writeAt(this.placeOf(variable).offset, value.data, value.dtype));
  }

  /** Planned bytes: variables and constants, and the scratch of the largest program; and what the backend holds. */
  memory(): { readonly residentBytes: number; readonly scratchBytes: number; readonly backendBytes: number } {
    const { residentBytes, scratch } = this;
    return { residentBytes, scratchBytes: scratch.bytes, backendBytes: this.backend.memoryBytes() };
  }

  /** Ends the threads and gives the memory back. Running work finishes first. */
  async close(): Promise<void> {
    await this.enqueue(async () => {
      this.isClosed = true;
      await this.backend.close();
    });
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(() => {
      if (this.isClosed) throw new GraphError("this engine is closed", { hint: "make another with createEngine()" });
      return work();
    });
    this.queue = result.catch(() => undefined);
    return result;
  }

  private prepare(build: (inputs: Tensors) => Tensors, values: HostTensors): Prepared {
    for (const [name, value] of Object.entries(values)) checkHostTensor(`input "${name}"`, value);
    const nodes = new Map(Object.entries(values).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));
    const { result, trace: recorded } = trace(() => build(Object.fromEntries(nodes)));
    for (const [name, tensor] of Object.entries(result)) {
      if (!(tensor instanceof Tensor)) {
        throw new GraphError(`the compiled function returned something else than a tensor as "${name}"`, {
          want: "an object of tensors",
          got: typeof tensor,
        });
      }
    }
    const outputs = Object.values(result);
    const program = plan({ inputs: nodes, outputs, assignments: recorded.assignments }, this.backend);
    this.checkMemory(program, values);
    this.place(program);
    const names = Object.keys(result);
    return {
      program,
      names,
      loaded: this.backend.load(program, this.scratch.offset),
      scratchOffset: this.scratch.offset,
    };
  }

  private checkMemory(program: Program, values: HostTensors): void {
    const fresh = [...program.variables.keys()].filter((variable) => !this.variables.has(variable));
    const resident =
      this.residentBytes +
      fresh.reduce((sum, { dtype, shape }) => sum + this.backend.bytesOf(dtype, elementsOf(shape)), 0) +
      [...program.constants.map(({ buffer }) => buffer), ...program.computedOnce].reduce(
        (sum, { bytes }) => sum + bytes,
        0,
      );
    const bytes = resident + Math.max(program.scratchBytes, this.scratch.bytes);
    if (bytes <= this.memoryLimit) return;
    const batch = fittingBatch(values, program.scratchBytes, this.memoryLimit - resident);
    throw new MemoryLimitError(`this program needs ${bytes} bytes and may take ${this.memoryLimit}`, {
      where: describeLargestLayers(program),
      want: `at most ${this.memoryLimit} bytes for variables (${resident}) and scratch (${program.scratchBytes})`,
      got: bytes,
      hint: batch === undefined ? "a larger memoryLimit" : `a batch of ${batch} would fit`,
    });
  }

  /** Gives variables, constants and results computed once their place, and makes scratch long enough. */
  private place(program: Program): void {
    for (const [variable, buffer] of program.variables) buffer.place.offset = this.placeOf(variable).offset;
    for (const { buffer, data } of program.constants) buffer.place.offset = this.placeOfConstant(buffer, data).offset;
    for (const buffer of program.computedOnce) {
      buffer.place.offset = this.backend.allocate(buffer.bytes);
      this.residentBytes += buffer.bytes;
    }
    if (program.scratchBytes <= this.scratch.bytes) return;
    if (this.scratch.bytes > 0) this.backend.free(this.scratch.offset, this.scratch.bytes);
    this.scratch = { offset: this.backend.allocate(program.scratchBytes), bytes: program.scratchBytes };
  }

  private placeOf(variable: Variable): PlannedBuffer["place"] {
    const known = this.variables.get(variable);
    if (known) return known;
    const bytes = this.backend.bytesOf(variable.dtype, elementsOf(variable.shape));
    const place = { offset: this.backend.allocate(bytes) };
    this.residentBytes += bytes;
    this.variables.set(variable, place);
    this.writeAt(place.offset, variable.initial, variable.dtype);
    return place;
  }

  private placeOfConstant(buffer: PlannedBuffer, data: HostArray): PlannedBuffer["place"] {
    const known = this.constants.get(data);
    if (known) return known;
    const place = { offset: this.backend.allocate(buffer.bytes) };
    this.residentBytes += buffer.bytes;
    this.constants.set(data, place);
    this.writeAt(place.offset, data, buffer.dtype);
    return place;
  }

  private async run(step: Prepared, values: HostTensors, reuseResults = false): Promise<HostTensors> {
    if (step.scratchOffset !== this.scratch.offset) {
      step.loaded.dispose(); // a larger program has moved the scratch area
      step.loaded = this.backend.load(step.program, this.scratch.offset);
      step.scratchOffset = this.scratch.offset;
    }
    for (const [name, buffer] of step.program.inputs)
      this.writeAt(this.absolute(buffer), values[name].data, buffer.dtype);
    await step.loaded.run();
    if (step.program.assignments.length > 0) await this.commit(step);
    if (step.kept) {
      step.kept.bytes.forEach((into, i) => {
        this.backend.read(this.absolute(step.program.outputs[i]), into.length, into);
      });
      return step.kept.results;
    }
    const results = step.program.outputs.map((buffer) =>
      this.readAt(this.absolute(buffer), buffer.shape, buffer.dtype),
    );
    const named = Object.fromEntries(step.names.map((name, i) => [name, results[i]]));
    if (reuseResults) step.kept = { results: named, bytes: results.map(({ data }) => bytesOf(data)) };
    return named;
  }

  private async commit({ loaded, program, names }: Prepared): Promise<void> {
    const bad = await loaded.commit();
    if (bad < 0) return;
    const assignment = program.assignments[bad];
    const what = assignment
      ? `the new "${assignment.variable.name}"`
      : `the result "${names[bad - program.assignments.length]}"`;
    throw new NonFiniteError(`${what} is NaN or infinite; nothing was written`, {
      layer: assignment?.layer || undefined,
      want: "finite values",
      hint: "a smaller learning rate, or inputs without NaN",
    });
  }

  private absolute({ region, offset }: Buffer): number {
    return region === "scratch" ? this.scratch.offset + offset : offset;
  }

  private get storesFloat64(): boolean {
    return this.backend.bytesOf("f32", 1) === 8;
  }

  private writeAt(offset: number, data: HostArray, dtype: Dtype): void {
    let stored = data;
    if (dtype === "f32" && this.storesFloat64 !== data instanceof Float64Array) {
      stored = this.storesFloat64 ? Float64Array.from(data) : Float32Array.from(data);
    }
    this.backend.write(offset, bytesOf(stored));
  }

  private readAt(offset: number, shape: Shape, dtype: Dtype): HostTensor {
    const bytes = this.backend.read(offset, this.backend.bytesOf(dtype, elementsOf(shape)));
    if (dtype === "f32") {
      return {
        dtype,
        shape,
        data: this.storesFloat64 ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer),
      };
    }
    return { dtype, shape, data: dtype === "i32" ? new Int32Array(bytes.buffer) : bytes };
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: HostArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Whether a program takes inputs of these names, dtypes and shapes. */
function isMadeFor({ inputs }: Program, values: HostTensors): boolean {
  for (const [name, { dtype, shape }] of inputs) {
    const value = values[name];
    if (value?.dtype !== dtype || !sameShape(value.shape, shape)) return false;
  }
  return Object.keys(values).length === inputs.size;
}

function describeInputs({ inputs }: Program): string {
  return [...inputs].map(([name, { dtype, shape }]) => `${name}: ${dtype} [${shape.join(", ")}]`).join(", ");
}
