import { createStream, type Engine, elementsOf, type HostTensor, normal, type Variable } from "@lowbit/core-tensor";
import {
  type CellOptions,
  gruCell,
  lstmCell,
  type RecurrentCell,
  type RecurrentState,
  vanillaCell,
} from "../src/index.js";

/** A state as its tensors by name, for tests that run all cells alike. */
export type AnyState = RecurrentState & Record<string, RecurrentState["hidden"]>;
export type AnyCell = RecurrentCell<AnyState>;

type MakeCell = (options: CellOptions) => AnyCell;

/** Tests that name no tensor of a state may treat all cells alike; their types differ in the state alone. */
const asAnyCell = <State extends RecurrentState>(cell: RecurrentCell<State>) => cell as unknown as AnyCell;

/** Every cell and convention, by the name of its equations. */
export const everyCell: readonly (readonly [string, MakeCell])[] = [
  ["lstm", (options) => asAnyCell(lstmCell(options))],
  ["lstm, peephole", (options) => asAnyCell(lstmCell({ ...options, peephole: true }))],
  ["lstm, projection", (options) => asAnyCell(lstmCell({ ...options, projectionSize: 2 }))],
  ["gru, reset after", (options) => asAnyCell(gruCell({ ...options, reset: "after" }))],
  ["gru, reset before", (options) => asAnyCell(gruCell({ ...options, reset: "before" }))],
  ["vanilla, tanh", (options) => asAnyCell(vanillaCell({ ...options, activation: "tanh" }))],
  ["vanilla, relu", (options) => asAnyCell(vanillaCell({ ...options, activation: "relu" }))],
];

export function normalTensor(name: string, shape: readonly number[]): HostTensor {
  return { dtype: "f32", shape, data: normal(elementsOf(shape), createStream(5, name)) };
}

/** Gives every variable values of its own, biases too, so that no gate and no bias can stand in for another. */
export async function scramble(engine: Engine, variables: readonly Variable[]): Promise<Map<string, HostTensor>> {
  const values = new Map(variables.map(({ name, shape }) => [name, normalTensor(name, shape)]));
  for (const variable of variables) await engine.write(variable, values.get(variable.name) as HostTensor);
  return values;
}
