import { createEngine, grad, type HostTensor, sum, type Tensor } from "@lowbit/core-tensor";
import { afterAll, describe, expect, it } from "vitest";
import { carryState, unroll, zeroState } from "../src/index.js";
import { type AnyState, everyCell, normalTensor } from "./every-cell.js";

const engine = await createEngine({ backend: "js", float: "f64" });
afterAll(() => engine.close());

const [T, N, I, H] = [6, 2, 3, 4];
const whole = normalTensor("text", [T, N, I]);
const piece = (from: number, to: number): HostTensor => ({
  ...whole,
  shape: [to - from, N, I],
  data: whole.data.slice(from * N * I, to * N * I),
});

describe.each(everyCell)("%s", (_, makeCell) => {
  const cell = makeCell({ name: "cell", inputSize: I, hiddenSize: H, seed: 3 });

  it("reads a text in pieces as it reads it whole", async () => {
    const { state, carry, variables } = carryState(cell, N);
    const atOnce = engine.compile(({ x }: Record<string, Tensor>) => ({
      outputs: unroll(cell, x, zeroState(cell, N)).outputs,
    }));
    const inPieces = engine.compile(({ x }: Record<string, Tensor>) => {
      const { outputs, state: last } = unroll(cell, x, state);
      carry(last);
      return { outputs };
    });
    const want = await atOnce({ x: whole });
    const got: number[] = [];
    for (let from = 0; from < T; from += 2) got.push(...(await inPieces({ x: piece(from, from + 2) })).outputs.data);
    expect(got).toEqual([...want.outputs.data]);
    expect((await engine.read(variables[0])).data).toEqual(want.outputs.data.slice(-N * cell.hiddenSize)); // the last hidden state
  });

  it("lets no gradient through to the piece before", async () => {
    const { state, carry } = carryState(cell, N);
    const { variables } = cell;
    const slopesOf = (x: Tensor, from: AnyState) => {
      const { outputs, state: last } = unroll(cell, x, from);
      return {
        last,
        slopes: Object.fromEntries(variables.map((each, i) => [each.name, grad(sum(outputs), variables)[i]])),
      };
    };
    const carried = engine.compile(({ x }: Record<string, Tensor>): Record<string, Tensor> => {
      const { last, slopes } = slopesOf(x, state);
      carry(last);
      return { ...slopes, ...last };
    });
    const given = engine.compile(({ x, ...from }: Record<string, Tensor>) => slopesOf(x, from as AnyState).slopes);
    const before = await carried({ x: piece(0, 3) });
    const second = await carried({ x: piece(3, 6) });
    const values = Object.fromEntries(Object.keys(cell.stateSizes).map((name) => [name, before[name]]));
    const want = await given({ x: piece(3, 6), ...values }); // the same state, as a plain input
    for (const { name } of variables) expect(second[name].data).toEqual(want[name].data);
  });
});
