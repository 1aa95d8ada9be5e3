import { describe, expect, it } from "vitest";
import { createWasmBackend, type WasmBackendOptions } from "../../../src/backends/wasm/wasm-backend.js";
import { bytesOf, type Dtype } from "../../../src/graph/dtype.js";
import { elementsOf } from "../../../src/graph/shape.js";
import { conv2dCodes } from "../../../src/ops/codes.js";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "../../../src/ops/conv2d.js";
import { matmul } from "../../../src/ops/matmul.js";
import { type CodeFormat, codeFormat } from "../../../src/packed/code-format.js";
import { availableBuilds } from "./create-backends.js";
import { type CallSpecification, f32, runCall, specify, values } from "./run-call.js";

// Kernels may read whole vectors, up to 256 bytes past a value. Whatever reads further traps only where that value lies at the very
// end of memory, so each value of a call is put there in turn. A trap is an error; what is computed, other tests check.

const CHANNELS = 37; // · 9 taps: a row of packed filters is longer than what may be read past the end
// Images are 3 × 5: 17 pixels with what lies between rows, so that the tile for a short tail is used too.

const taps = (images: number, rows: number, channels = CHANNELS): CallSpecification =>
  specify(conv2d.declaration, [f32([images, channels, 3, 5]), f32([rows, channels, 3, 3])], { padding: 1 });

function codes(rows: number, w: CodeFormat, x: CodeFormat): CallSpecification {
  const shapes = { x: [1, CHANNELS, 3, 5], w: [rows, CHANNELS, 3, 3] };
  const packed = new Uint8Array(bytesOf(`p${w.bits}` as Dtype, elementsOf(shapes.w)));
  const inputs = [
    values(shapes.x, new Uint8Array(elementsOf(shapes.x)), "u8"),
    values(shapes.w, packed, `p${w.bits}` as Dtype),
  ];
  return specify(conv2dCodes.declaration, inputs, { padding: 1, w, x });
}

const signed = (bits: number) => codeFormat("int", 1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1);
const unsigned = (bits: number) => codeFormat("uint", 0, 2 ** bits - 1);

function gradients(rows: number): CallSpecification[] {
  const [x, w, dy] = [f32([2, CHANNELS, 3, 5]), f32([rows, CHANNELS, 3, 3]), f32([2, rows, 3, 5])];
  return [
    specify(conv2dInputGradient.declaration, [dy, w], { padding: 1, inputShape: x.shape }),
    specify(conv2dWeightGradient.declaration, [x, dy], { padding: 1, weightShape: w.shape }),
  ];
}

/** Runs a call with one of its buffers at the end of memory: 0 and up its inputs, then its output, then its workspace. */
async function runAtTheEnd(options: WasmBackendOptions, specification: CallSpecification, last: number): Promise<void> {
  const backend = await createWasmBackend({ ...options, threads: 1 });
  try {
    await runCall(backend, specification, last);
  } finally {
    await backend.close();
  }
}

describe.each(availableBuilds)("the %s build reads nothing far behind", (build) => {
  const rows = [1, 2, 3, 5, 7, 8, 13];
  const cases: [string, WasmBackendOptions, CallSpecification][] = [
    ...rows.map((M) => [`conv2d, ${M} rows`, {}, taps(1, M)] as [string, WasmBackendOptions, CallSpecification]),
    ...rows.flatMap((M) =>
      gradients(M).map(
        (each) => [`${each.op.name}, ${M} rows`, {}, each] as [string, WasmBackendOptions, CallSpecification],
      ),
    ),
    ["conv2d by Winograd", { winograd: true }, taps(1, 7)],
    ["matmul", {}, specify(matmul.declaration, [f32([7, 301]), f32([301, 9])])],
    ...rows.flatMap((M) =>
      (
        [
          ["w1a1", codeFormat("bipolar", -1, 1), codeFormat("binary", 0, 1)],
          ["w2a2", codeFormat("ternary", -1, 1), unsigned(2)],
          ["w4a4", signed(4), unsigned(4)],
          ["w8a8", signed(8), unsigned(8)],
          ["w4a7", signed(4), unsigned(7)],
        ] as const
      ).flatMap(([name, w, x]) =>
        [false, true].map(
          (byteDots) =>
            [`conv2dCodes ${name}, ${M} rows${byteDots ? ", dots of bytes" : ""}`, { byteDots }, codes(M, w, x)] as [
              string,
              WasmBackendOptions,
              CallSpecification,
            ],
        ),
      ),
    ),
  ];
  it.each(cases)("%s", async (_, options, specification) => {
    for (let last = 0; last <= specification.inputs.length + 1; last++)
      await expect(runAtTheEnd({ ...options, build }, specification, last)).resolves.toBeUndefined();
  });
});
