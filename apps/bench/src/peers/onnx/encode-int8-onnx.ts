import { type Engine, elementsOf, type HostTensor, type Tensor, topologicalOrder } from "@lowbit/core-tensor";
import { encodeNode } from "./encode-onnx.js";
import {
  attributeOfInt,
  encodeModel,
  FLOAT,
  floatInitializer,
  initializer,
  type ModelParts,
  nameIn,
  node,
  valueInfo,
} from "./onnx-parts.js";
import { floats } from "./protobuf.js";

// A network as onnxruntime's own tool for static quantization writes it: pairs of QuantizeLinear and DequantizeLinear around what may run
// in int8, from which the runtime picks its integer kernels. Activations are uint8 with a zero point, one scale a tensor, from the ranges
// of calibration; weights int8 with a scale for each output channel; biases int32. The scale and shift behind a convolution are folded
// into it first. What else is no convolution, addition or pool, the classifier among it, stays fp32.

const UINT8 = 2;
const INT8 = 3;
const INT32 = 6;

/** Smallest and largest value of each node in the order of the graph; constants and inputs of no interest have them too. */
export type Ranges = readonly (readonly [number, number])[];

/** Runs the network once and looks at every value. `forward` builds the graph that is encoded afterwards. */
export async function calibrate(
  engine: Engine,
  forward: (images: Tensor) => Tensor,
  images: HostTensor,
): Promise<Ranges> {
  let count = 0;
  const run = engine.compile<{ images: HostTensor }, Record<string, Tensor>>(({ images }) => {
    const order = topologicalOrder([forward(images)]);
    count = order.length;
    return Object.fromEntries(order.flatMap((each, i) => (each.inputs.length > 0 ? [[`v${i}`, each]] : [])));
  });
  const seen = await run({ images });
  return Array.from({ length: count }, (_, i) => {
    let [least, most] = [0, 0]; // 0 must have a code: padding and ReLU need it
    for (const value of seen[`v${i}`]?.data ?? images.data) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    return [least, most] as const;
  });
}

interface Folded {
  readonly shift: ArrayLike<number>;
  readonly scale: ArrayLike<number>;
}

/** @param ranges  of the same graph, from `calibrate` */
export function encodeInt8Onnx(output: Tensor, values: (tensor: Tensor) => HostTensor, ranges: Ranges): Uint8Array {
  const order = topologicalOrder([output]);
  const nameOf = nameIn(output);
  const parts: ModelParts = { nodes: [], weights: [], inputs: [] };
  const readers = new Map<Tensor, Tensor[]>();
  for (const each of order) for (const from of each.inputs) readers.set(from, [...(readers.get(from) ?? []), each]);
  const onlyReader = (each: Tensor, op: string): Tensor | undefined => {
    const all = readers.get(each) ?? [];
    return all.length === 1 && all[0].op.name === op ? all[0] : undefined;
  };
  const isConstant = (each: Tensor): boolean => each.inputs.length === 0 && each.op.name !== "input";
  const scalars = new Map<Tensor, { scale: number; names: [string, string] }>();

  /** The names of scale and zero point of a value. */
  const quantizationOf = (each: Tensor): { scale: number; names: [string, string] } => {
    const known = scalars.get(each);
    if (known) return known;
    const [least, most] = ranges[order.indexOf(each)];
    const scale = Math.fround((most - least) / 255) || 1;
    const names: [string, string] = [`${nameOf(each)}.scale`, `${nameOf(each)}.zero`];
    parts.weights.push(initializer(names[0], [], FLOAT, floats([scale])));
    parts.weights.push(initializer(names[1], [], UINT8, Uint8Array.of(Math.round(-least / scale))));
    scalars.set(each, { scale, names });
    return { scale, names };
  };

  /** Rounds a value to its codes, for whoever reads it. */
  const quantized = new Map<Tensor, string>();
  const roundToCodes = (each: Tensor): void => {
    const { names } = quantizationOf(each);
    const codes = `${nameOf(each)}.codes`;
    parts.nodes.push(node("QuantizeLinear", [nameOf(each), ...names], codes));
    parts.nodes.push(node("DequantizeLinear", [codes, ...names], `${codes}.value`));
    quantized.set(each, `${codes}.value`);
  };
  const read = (each: Tensor): string => quantized.get(each) ?? nameOf(each);

  /** Weights as int8 for each output channel, and a bias where a scale and a shift were folded in. */
  const quantizeFilters = (conv: Tensor, { scale, shift }: Folded): string[] => {
    const [x, w] = conv.inputs;
    const { data, shape } = values(w);
    const perRow = elementsOf(shape) / shape[0];
    const codes = new Int8Array(data.length);
    const steps = Float32Array.from({ length: shape[0] }, (_, m) => {
      let most = 0;
      for (let i = m * perRow; i < (m + 1) * perRow; i++) most = Math.max(most, Math.abs(data[i] * scale[m]));
      const step = most / 127 || 1;
      for (let i = m * perRow; i < (m + 1) * perRow; i++) codes[i] = Math.round((data[i] * scale[m]) / step);
      return step;
    });
    const name = `${nameOf(conv)}.weights`;
    const axis = attributeOfInt("axis", 0);
    parts.weights.push(initializer(`${name}.codes`, shape, INT8, new Uint8Array(codes.buffer)));
    parts.weights.push(initializer(`${name}.scale`, [shape[0]], FLOAT, floats(steps)));
    parts.weights.push(initializer(`${name}.zero`, [shape[0]], INT8, new Uint8Array(shape[0])));
    parts.nodes.push(node("DequantizeLinear", [`${name}.codes`, `${name}.scale`, `${name}.zero`], name, [axis]));
    const bias = `${nameOf(conv)}.bias`;
    const biasSteps = steps.map((step) => step * quantizationOf(x).scale);
    const biasCodes = Int32Array.from(biasSteps, (step, m) => Math.round(shift[m] / step));
    parts.weights.push(initializer(`${bias}.codes`, [shape[0]], INT32, new Uint8Array(biasCodes.buffer)));
    parts.weights.push(initializer(`${bias}.scale`, [shape[0]], FLOAT, floats(biasSteps)));
    parts.weights.push(initializer(`${bias}.zero`, [shape[0]], INT32, new Uint8Array(4 * shape[0])));
    parts.nodes.push(node("DequantizeLinear", [`${bias}.codes`, `${bias}.scale`, `${bias}.zero`], bias, [axis]));
    return [name, bias];
  };

  const done = new Set<Tensor>();
  for (const each of order) {
    if (done.has(each)) continue;
    if (each.op.name === "input") {
      parts.inputs.push(valueInfo(nameOf(each), each.shape));
      roundToCodes(each);
      continue;
    }
    if (isConstant(each)) continue; // written where it is read
    let last = each;
    if (each.op.name === "conv2d") {
      const M = each.shape[1];
      const multiply = onlyReader(each, "multiply");
      const add = multiply && onlyReader(multiply, "add");
      const [gain, offset] = [multiply?.inputs[1], add?.inputs[1]];
      let folded: Folded = { scale: new Float32Array(M).fill(1), shift: new Float32Array(M) };
      if (multiply && add && gain && offset && isConstant(gain) && isConstant(offset)) {
        folded = { scale: values(gain).data, shift: values(offset).data };
        done.add(multiply).add(add);
        last = add;
      }
      parts.nodes.push(
        encodeNode(each, [read(each.inputs[0]), ...quantizeFilters(each, folded)], nameOf(last), parts.weights),
      );
    } else {
      for (const from of each.inputs)
        if (isConstant(from) && !done.has(from)) {
          parts.weights.push(floatInitializer(nameOf(from), values(from)));
          done.add(from);
        }
      parts.nodes.push(encodeNode(each, each.inputs.map(read), nameOf(each), parts.weights));
    }
    const feedsFp32 =
      onlyReader(last, "relu") ??
      onlyReader(last, "multiply") ??
      (last.op.name === "multiply" ? onlyReader(last, "add") : undefined);
    if (last.shape.length === 4 && !feedsFp32) roundToCodes(last);
  }
  return encodeModel(parts, output.shape);
}
