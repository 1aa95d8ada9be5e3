import type { OpDeclaration, Values } from "../../../src/graph/define-op.js";
import { bytesOf, type HostArray, isPacked } from "../../../src/graph/dtype.js";
import { elementsOf, type Shape } from "../../../src/graph/shape.js";
import { conv2dCodes, packCodes, unpackCodes } from "../../../src/ops/codes.js";
import { conv2d } from "../../../src/ops/conv2d.js";
import { matmul } from "../../../src/ops/matmul.js";
import { operations } from "../../../src/ops/operations.js";
import { averagePool2d, maxPool2d } from "../../../src/ops/pool.js";
import { softmax } from "../../../src/ops/softmax.js";
import { type CodeFormat, codeFormat } from "../../../src/packed/code-format.js";
import { packFields } from "../../../src/packed/pack-codes.js";
import type { Backend } from "../../../src/plan/backend.js";
import { fusedElementwise } from "../../../src/plan/fuse-elementwise.js";
import {
  type CallSpecification,
  difference,
  f32,
  numbers,
  referenceOf,
  runCall,
  specify,
  values,
} from "../wasm/run-call.js";

/** One call, and what the reference makes of it. */
interface GpuCase {
  readonly name: string;
  readonly call: CallSpecification;
  readonly expected: HostArray;
}

export interface GpuFinding {
  readonly name: string;
  readonly kernel: string;
  readonly reason: string;
  /** Largest |a − b| / (1 + |b|) to the reference. */
  readonly difference: number;
  readonly mustBeExact: boolean;
}

const caseOf = (name: string, call: CallSpecification): GpuCase => ({ name, call, expected: referenceOf(call) });

/** Fields below `levels`: random ones, or all as large (or small) as they get. */
function fieldsOf(count: number, levels: number, seed: number, extreme?: "smallest" | "largest"): Uint8Array {
  if (extreme !== undefined) return new Uint8Array(count).fill(extreme === "largest" ? levels - 1 : 0);
  return Uint8Array.from(numbers(count, seed, [0, levels]), Math.floor);
}

const packed = (shape: Shape, fields: Uint8Array, { bits }: CodeFormat): Values =>
  values(shape, packFields(fields, bits), `p${bits}` as "p1");

const formats: Readonly<Record<string, CodeFormat>> = {
  bipolar: codeFormat("bipolar", -1, 1),
  binary: codeFormat("binary", 0, 1),
  ternary: codeFormat("ternary", -1, 1),
  ...Object.fromEntries([2, 3, 4, 5, 6, 7, 8].map((bits) => [`uint${bits}`, codeFormat("uint", 0, 2 ** bits - 1)])),
  ...Object.fromEntries(
    [3, 4, 5, 6, 7, 8].map((bits) => [`int${bits}`, codeFormat("int", 1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)]),
  ),
};

const geometries: readonly { x: Shape; w: Shape; attributes: object }[] = [
  { x: [1, 1, 1, 1], w: [1, 1, 1, 1], attributes: {} },
  { x: [2, 3, 5, 4], w: [4, 3, 3, 3], attributes: { padding: 1 } },
  { x: [1, 17, 5, 7], w: [5, 17, 3, 3], attributes: { padding: 1, stride: 2 } },
  { x: [2, 33, 3, 3], w: [3, 33, 1, 1], attributes: { stride: 2 } },
  { x: [1, 4, 6, 5], w: [6, 2, 3, 2], attributes: { stride: [2, 1], padding: [1, 0], groups: 2 } },
  { x: [1, 6, 7, 6], w: [6, 1, 3, 3], attributes: { dilation: 2, padding: [2, 1, 1, 2], groups: 6 } },
  { x: [2, 3, 11, 9], w: [4, 3, 5, 4], attributes: { stride: [3, 2], padding: [2, 1, 3, 0], dilation: [1, 2] } },
];

function codeConvolution(
  xName: string,
  wName: string,
  { x, w, attributes }: (typeof geometries)[number],
  extreme?: "smallest" | "largest",
): GpuCase {
  const [xFormat, wFormat] = [formats[xName], formats[wName]];
  const inputs = [
    values(x, fieldsOf(elementsOf(x), xFormat.levels, 5, extreme), "u8"),
    packed(w, fieldsOf(elementsOf(w), wFormat.levels, 7, extreme), wFormat),
  ];
  const call = specify(conv2dCodes.declaration, inputs, { ...attributes, x: xFormat, w: wFormat });
  const name = `${wName} by ${xName}, ${extreme ?? "any"} codes, x ${x}, w ${w}, ${JSON.stringify(attributes)}`;
  return caseOf(name, { ...call, constants: [1] }); // filters, which are packed beforehand
}

/** A pass of one step, as the planner would make it. */
function elementwiseCase(op: OpDeclaration, call: CallSpecification, index: number): GpuCase {
  const { elementwise } = op;
  const immediates = elementwise?.immediates?.(call.attributes) ?? [];
  const step = { code: elementwise?.code ?? "", sources: call.inputs.map((_, i) => i), immediates };
  const attributes = { shape: call.outputs[0].shape, steps: [step], results: [call.inputs.length] };
  const expected = referenceOf(call);
  return { name: `${op.name}, example ${index}`, call: { ...call, op: fusedElementwise, attributes }, expected };
}

function exampleCases(op: OpDeclaration): GpuCase[] {
  return op.examples.map(({ shapes, dtypes = [], range = [-2, 2], attributes }, index) => {
    const inputs = shapes.map((shape, i) => {
      const dtype = dtypes[i] ?? "f32";
      if (dtype === "f32") return f32(shape, 10 * index + i, range);
      const count = isPacked(dtype) ? bytesOf(dtype, elementsOf(shape)) : elementsOf(shape);
      const data = Array.from(numbers(count, i + 3, [0, isPacked(dtype) ? 256 : 3]), Math.floor);
      return values(shape, dtype === "i32" ? Int32Array.from(data) : Uint8Array.from(data), dtype);
    });
    const call = specify(op, inputs, attributes);
    const fuses = op.elementwise && (call.outputs[0].dtype === "f32" || call.outputs[0].dtype === "bool");
    return fuses ? elementwiseCase(op, call, index) : caseOf(`${op.name}, example ${index}`, call);
  });
}

/** One in `every` of the cases: the rest is for LOWBIT_ALL_GPU_CASES=1, which takes a minute and more under WebGL. */
export const someGpuCases = (every: number): GpuCase[] => listGpuCases().filter((_, index) => index % every === 0);

/** Calls over odd sizes, strides, paddings, dilations, groups, bit widths and extreme codes. */
function listGpuCases(): GpuCase[] {
  const codePairs = [
    ...["bipolar", "binary", "ternary", "uint2"].flatMap((w) => ["bipolar", "binary", "uint2"].map((x) => [x, w])),
    ...[3, 4, 5, 6, 7, 8].flatMap((bits) => [
      [`uint${bits}`, `int${bits}`],
      [`uint${bits}`, "ternary"],
    ]),
  ];
  const deep = { x: [1, 530, 2, 2], w: [2, 530, 2, 2], attributes: { padding: 1 } }; // w8a8 passes 2²⁴ from 519 products on
  return [
    ...[...operations.values()].filter(({ reference }) => reference).flatMap(exampleCases),
    ...geometries.map(({ x, w, attributes }) =>
      caseOf(`conv2d x ${x}, w ${w}`, specify(conv2d.declaration, [f32(x, 1), f32(w, 2)], attributes)),
    ),
    ...[
      [1, 1, 1],
      [3, 17, 5],
      [16, 16, 16],
      [31, 7, 129],
    ].map(([M, N, K]) =>
      caseOf(`matmul ${M} × ${N} × ${K}`, specify(matmul.declaration, [f32([M, K], 1), f32([K, N], 2)], {})),
    ),
    ...codePairs.flatMap(([x, w], index) => [
      codeConvolution(x, w, geometries[index % geometries.length]),
      codeConvolution(x, w, geometries[(index + 2) % geometries.length], index % 2 === 0 ? "largest" : "smallest"),
    ]),
    codeConvolution("uint8", "int8", geometries[1], "largest"),
    codeConvolution("bipolar", "bipolar", deep),
    ...["uint2", "uint4"].map((x) => codeConvolution(x, "ternary", deep, "largest")),
    ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap((bits) =>
      [1, 15, 33].flatMap((count) => {
        const format = codeFormat(bits === 1 ? "binary" : "uint", 0, 2 ** bits - 1);
        const fields = fieldsOf(count, format.levels, bits);
        return [
          caseOf(
            `packCodes, ${count} of ${bits} bits`,
            specify(packCodes.declaration, [values([count], Float32Array.from(fields))], { format }),
          ),
          caseOf(
            `unpackCodes, ${count} of ${bits} bits`,
            specify(unpackCodes.declaration, [packed([count], fields, format)], { format }),
          ),
        ];
      }),
    ),
    caseOf(
      "maxPool2d 3 × 3 by 2, padded",
      specify(maxPool2d.declaration, [f32([2, 3, 9, 7], 3)], { window: 3, stride: 2, padding: 1 }),
    ),
    caseOf("averagePool2d over all", specify(averagePool2d.declaration, [f32([2, 5, 7, 3], 3)], { window: [7, 3] })),
    caseOf("softmax of large logits", specify(softmax.declaration, [f32([7, 13], 5, [-90, 90])])),
  ];
}

/** Runs the cases one by one. */
export async function runGpuCases(backend: Backend, cases: readonly GpuCase[]): Promise<GpuFinding[]> {
  const findings: GpuFinding[] = [];
  for (const { name, call, expected } of cases) {
    const { outputs, kernel, reason } = await runCall(backend, call);
    findings.push({
      ...{ name, kernel, reason, difference: difference(outputs[0], expected) },
      mustBeExact: call.outputs[0].dtype !== "f32" || call.op === unpackCodes.declaration,
    });
  }
  return findings;
}
