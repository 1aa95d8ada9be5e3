import { createEngine, createStream, elementsOf, type HostTensor, normal, type Tensor } from "@lowbit/core-tensor";
import { gruCell, type LstmState, lstmCell, type RecurrentCell, unroll, vanillaCell } from "@lowbit/rnn";
import { describe, expect, it } from "vitest";
import { relativeDifference } from "../../src/measure/agreement.js";
import { openOnnxSession } from "../../src/peers/onnx/onnx-session.js";
import { encodeRecurrent, type RecurrentModel } from "./encode-recurrent.js";

const [T, N, I, H] = [6, 3, 5, 7];
const sizes = { name: "cell", inputSize: I, hiddenSize: H, seed: 1 };

function normalTensor(name: string, shape: readonly number[]): HostTensor {
  return { dtype: "f32", shape, data: normal(elementsOf(shape), createStream(9, name)) };
}

interface Case {
  readonly name: string;
  readonly cell: RecurrentCell;
  readonly onnx: Pick<RecurrentModel, "opType" | "linearBeforeReset" | "activation" | "reverse" | "lengths">;
}

const cases: readonly Case[] = [
  { name: "LSTM", cell: lstmCell(sizes) as unknown as RecurrentCell, onnx: { opType: "LSTM" } },
  {
    name: "LSTM with peepholes",
    cell: lstmCell({ ...sizes, peephole: true }) as unknown as RecurrentCell,
    onnx: { opType: "LSTM" },
  },
  {
    name: "LSTM backwards, over sequences of 6, 2 and 4 steps",
    cell: lstmCell(sizes) as unknown as RecurrentCell,
    onnx: { opType: "LSTM", reverse: true, lengths: [6, 2, 4] },
  },
  {
    name: "GRU, reset after the product (linear_before_reset = 1)",
    cell: gruCell({ ...sizes, reset: "after" }),
    onnx: { opType: "GRU", linearBeforeReset: true },
  },
  { name: "GRU, reset before it", cell: gruCell({ ...sizes, reset: "before" }), onnx: { opType: "GRU" } },
  { name: "RNN with tanh", cell: vanillaCell(sizes), onnx: { opType: "RNN" } },
  {
    name: "RNN with ReLU",
    cell: vanillaCell({ ...sizes, activation: "relu" }),
    onnx: { opType: "RNN", activation: "Relu" },
  },
];

/** Our variables as ONNX holds them: a bias for each of the two products. */
function matricesOf(values: ReadonlyMap<string, HostTensor>) {
  const dataOf = (name: string): number[] => Array.from(values.get(`cell.${name}`)?.data ?? []);
  const bias = dataOf("bias");
  const ofCandidate = dataOf("recurrentBias");
  // Where only the sum counts, a part of each bias stands on the other side; where it does not, the candidate's keep their places.
  const isGru = bias.length === 3 * H;
  const moved = bias.map((_, i) => (isGru && i >= 2 * H ? 0 : Math.sin(i)));
  return {
    weight: Float32Array.from(dataOf("weight")),
    recurrent: Float32Array.from([...dataOf("recurrent"), ...dataOf("recurrentCandidate")]),
    inputBias: bias.map((each, i) => each - moved[i]),
    peephole: values.has("cell.peephole") ? dataOf("peephole") : undefined,
    recurrentBias: moved.map((each, i) => each + (isGru ? (ofCandidate[i - 2 * H] ?? 0) : 0)),
  };
}

describe.each(["onnxruntime-node", "onnxruntime-web"] as const)(
  "recurrent cells in %s, on the same weights",
  (runtime) => {
    it.each(cases)("$name", async ({ cell, onnx }) => {
      const engine = await createEngine({ threads: 1 });
      const values = new Map(cell.variables.map(({ name, shape }) => [name, normalTensor(name, shape)]));
      for (const each of cell.variables) await engine.write(each, values.get(each.name) as HostTensor);
      const state = Object.fromEntries(
        Object.keys(cell.stateSizes).map((name) => [name, normalTensor(`state/${name}`, [N, H])]),
      );
      const x = normalTensor("x", [T, N, I]);
      const { lengths = [T, T, T], reverse } = onnx;
      const isThere = Float32Array.from({ length: T * N }, (_, i) => (Math.floor(i / N) < lengths[i % N] ? 1 : 0));
      const run = engine.compile(({ x: given, mask, ...from }: Record<string, Tensor>) => ({
        outputs: unroll(cell, given, from as unknown as LstmState, { reverse, mask }).outputs,
      }));
      const { outputs } = await run({ x, mask: { dtype: "f32", shape: [T, N], data: isThere }, ...state });

      const model = encodeRecurrent({ ...onnx, ...matricesOf(values), shape: [T, N, I], hiddenSize: H });
      const session = await openOnnxSession(runtime, model, 1);
      const ofOneDirection = Object.entries(state).map(([name, each]) => [name, { ...each, shape: [1, N, H] }]);
      const theirs = await session.run({ x, ...Object.fromEntries(ofOneDirection) });
      expect(relativeDifference(outputs.data, theirs)).toBeLessThan(1e-5);
      await session.close();
      await engine.close();
    });
  },
);
