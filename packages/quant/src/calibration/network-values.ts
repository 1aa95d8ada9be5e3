import type { Engine, HostTensor, Variable } from "@lowbit/core-tensor";

/** What an engine holds of some variables. */
export async function readValues(
  engine: Engine,
  variables: readonly Variable[],
): Promise<ReadonlyMap<Variable, HostTensor>> {
  const values = new Map<Variable, HostTensor>();
  for (const variable of variables) values.set(variable, await engine.read(variable));
  return values;
}

export async function writeValues(engine: Engine, values: ReadonlyMap<Variable, HostTensor>): Promise<void> {
  for (const [variable, value] of values) await engine.write(variable, value);
}
