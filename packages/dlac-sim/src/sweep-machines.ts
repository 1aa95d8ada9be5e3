import { type Configuration, parseConfiguration } from "./config/config.js";
import { SimulatorError } from "./simulator-error.js";

/** A field of a configuration, and the values that it takes in turn. */
export interface SweptField {
  readonly field: string;
  readonly values: readonly (string | number | boolean)[];
}

/** One machine of a sweep, and what tells it from the others. */
export interface SweptMachine {
  readonly values: Readonly<Record<string, string | number | boolean>>;
  readonly configuration: Configuration;
}

const MOST_MACHINES = 10_000;

/**
 * A machine for each combination of the values of some fields; the last field changes fastest.
 *
 * @param fields  of the configuration that all have in common
 * @throws {SimulatorError} for a field that the mode lacks, a value out of range, a field given twice, or too many machines
 */
export function sweepMachines(
  fields: Readonly<Record<string, unknown>>,
  swept: readonly SweptField[],
  source = "configuration",
): SweptMachine[] {
  const count = swept.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_MACHINES || count === 0) {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `a sweep can't have ${count} machines`, {
      want: `1 to ${MOST_MACHINES}`,
      got: count,
    });
  }
  const names = swept.map(({ field }) => field);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `a sweep has the field ${twice} twice`, { where: source });
  }
  return swept
    .reduce<SweptMachine["values"][]>(
      (combinations, { field, values }) =>
        combinations.flatMap((combination) => values.map((value) => ({ ...combination, [field]: value }))),
      [{}],
    )
    .map((values) => ({ values, configuration: parseConfiguration({ ...fields, ...values }, source) }));
}
