import type { OpDeclaration, Values } from "../../../src/graph/define-op.js";
import { bytesOf, type Dtype, type HostArray, isPacked } from "../../../src/graph/dtype.js";
import { elementsOf, type Shape } from "../../../src/graph/shape.js";
import type { Backend } from "../../../src/plan/backend.js";
import { type Buffer, type Call, PlannedBuffer, type Program } from "../../../src/plan/program.js";

/** Numbers that look random and are the same every time (a linear congruence, enough for test data). */
export function numbers(count: number, seed = 1, [low, high]: readonly [number, number] = [-2, 2]): Float32Array {
  const out = new Float32Array(count);
  let state = (seed * 2654435761) >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = low + ((high - low) * (state >>> 8)) / 2 ** 24;
  }
  return out;
}

export function emptyData(dtype: Dtype, shape: Shape): HostArray {
  const elements = elementsOf(shape);
  if (dtype === "f32") return new Float32Array(elements);
  if (dtype === "i32") return new Int32Array(elements);
  return new Uint8Array(isPacked(dtype) ? bytesOf(dtype, elements) : elements);
}

export const values = (shape: Shape, data: HostArray, dtype: Dtype = "f32"): Values => ({ shape, dtype, data });

/** f32 values of a shape. */
export const f32 = (shape: Shape, seed?: number, range?: readonly [number, number]): Values =>
  values(shape, numbers(elementsOf(shape), seed, range));

export interface CallSpecification {
  readonly op: OpDeclaration;
  readonly attributes?: unknown;
  readonly inputs: readonly Values[];
  readonly outputs: readonly { readonly shape: Shape; readonly dtype: Dtype }[];
  /** Indices of inputs that the program holds as constants. */
  readonly constants?: readonly number[];
  /** Index of the input whose place the first output takes. */
  readonly inPlace?: number;
}

const asBytes = (data: HostArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const GUARD_BYTES = 64;
/** What the wasm backend keeps free behind everything. */
const SLACK_BYTES = 256;
/** Room for a program and a thread's scratch. */
const PROGRAM_BYTES = 2 ** 20;

/** Fills a fresh backend's memory so far that `bytes` more reach its end. */
function fillUpTo(backend: Backend, bytes: number): void {
  const size = Math.ceil(Math.max(bytes, 1) / 64) * 64;
  const hole = backend.allocate(size + 64); // a fresh backend has one hole, at the end
  backend.free(hole, size + 64);
  backend.allocate(backend.memoryBytes() - SLACK_BYTES - hole - size);
}

/**
 * Runs one call by itself and returns its outputs. Memory around and under the outputs is full of NaN beforehand.
 *
 * @param last  on a fresh backend, the buffer that lies at the end of memory: inputs by their index, then the output, then the workspace
 */
export async function runCall(
  backend: Backend,
  specification: CallSpecification,
  last?: number,
): Promise<{ outputs: HostArray[]; kernel: string; reason: string }> {
  const room = last === undefined ? undefined : backend.allocate(PROGRAM_BYTES);
  let placed = 0;
  const place = (shape: Shape, dtype: Dtype): Buffer => {
    const bytes = bytesOf(dtype, elementsOf(shape));
    const isLast = placed++ === last;
    if (isLast) fillUpTo(backend, bytes);
    const offset = backend.allocate(isLast ? bytes : bytes + GUARD_BYTES);
    backend.write(offset, new Uint8Array(bytes + GUARD_BYTES).fill(0xff));
    if (isLast && room !== undefined) backend.free(room, PROGRAM_BYTES); // what follows, the program too, goes here
    return { shape, dtype, bytes, region: "resident", offset };
  };
  const inputs = specification.inputs.map(({ shape, dtype, data }) => {
    const buffer = place(shape, dtype);
    backend.write(buffer.offset, asBytes(data));
    return buffer;
  });
  const outputs = specification.outputs.map(({ shape, dtype }, index) =>
    index === 0 && specification.inPlace !== undefined
      ? { ...inputs[specification.inPlace], shape, dtype }
      : place(shape, dtype),
  );
  const bare = { op: specification.op, attributes: specification.attributes, inputs, outputs };
  const workspace = place([backend.workspaceBytes(bare)], "u8");
  const call: Call = { ...bare, workspace, layer: "", once: false };
  const program: Program = {
    inputs: new Map(),
    outputs,
    constants: (specification.constants ?? []).map((index) => {
      const { shape, dtype, bytes, region, offset } = inputs[index];
      return {
        buffer: new PlannedBuffer(shape, dtype, bytes, region, { offset }),
        data: specification.inputs[index].data,
      };
    }),
    variables: new Map(),
    computedOnce: [],
    assignments: [],
    calls: [call],
    scratchBytes: 0,
  };
  const loaded = backend.load(program, 0);
  await loaded.run();
  const results = outputs.map((buffer) => {
    const bytes = backend.read(buffer.offset, buffer.bytes);
    const guard = backend.read(buffer.offset + buffer.bytes, 32);
    if (guard.some((byte) => byte !== 0xff)) throw new Error("a kernel wrote behind the end of its output");
    if (buffer.dtype === "f32") return new Float32Array(bytes.buffer);
    return buffer.dtype === "i32" ? new Int32Array(bytes.buffer) : bytes;
  });
  if (last !== undefined) return { outputs: results, ...loaded.choices[0] };
  for (const buffer of new Set([...inputs, ...outputs, workspace])) {
    if (specification.inPlace === undefined || buffer !== outputs[0])
      backend.free(buffer.offset, buffer.bytes + GUARD_BYTES);
  }
  return { outputs: results, ...loaded.choices[0] };
}

/** The same call by its reference. */
export function referenceOf({ op, attributes, inputs, outputs: [{ shape, dtype }] }: CallSpecification): HostArray {
  const out = values(shape, emptyData(dtype, shape), dtype);
  op.reference?.(out, inputs, attributes);
  return out.data;
}

/** A call of an operation as the graph would make it: attributes completed, shape and dtype of the result worked out. */
export function specify(op: OpDeclaration, inputs: readonly Values[], attributes?: unknown): CallSpecification {
  const shapes = inputs.map(({ shape }) => shape);
  const complete = op.normalise ? op.normalise(attributes, shapes) : attributes;
  const dtype = op.dtype
    ? op.dtype(
        inputs.map((input) => input.dtype),
        complete,
      )
    : "f32";
  return { op, attributes: complete, inputs, outputs: [{ shape: op.shape(shapes, complete), dtype }] };
}

/** Largest |a − b| / (1 + |b|); Infinity where only one of them is NaN. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < b.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    const apart = Math.abs(a[i] - b[i]) / (1 + Math.abs(b[i]));
    largest = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : Math.max(largest, apart);
  }
  return largest;
}
