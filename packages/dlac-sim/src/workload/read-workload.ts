import { z } from "zod";
import { parseFields } from "../parse-fields.js";
import { SimulatorError } from "../simulator-error.js";
import { type Layer, layerSchema, productsOf } from "./layer.js";

/** What runs on a machine: weighted layers, one after the other. */
export interface Workload {
  readonly name: string;
  readonly layers: readonly Layer[];
}

const MOST_LAYERS = 100_000;

const workloadSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string("a name").optional(),
  layers: z
    .array(layerSchema, "a list of layers")
    .min(1, "at least one layer")
    .max(MOST_LAYERS, `at most ${MOST_LAYERS} layers`),
});

/**
 * The workload that a JSON document describes, defaults filled in.
 *
 * @param fields  `{ layers: [{ name, type: "conv", H, W, C, M, R, S, strideH, strideW, padH, padW, groups, batch, wBits, aBits,
 *   wDensity?, aDensity? } | { name, type: "gemm", M, N, K, … }] }`; H and W are the input's before padding, C its channels
 * @param source  the file, for messages
 * @throws {SimulatorError} names the layer, the field, its value and the allowed range
 */
export function parseWorkload(fields: unknown, source = "workload"): Workload {
  const { name = source, layers } = parseFields(workloadSchema, fields, {
    code: "LOWBIT_CONFIGURATION",
    what: "workload",
    source,
  });
  for (const [index, layer] of layers.entries()) checkLayer(layer, `${source}, layers[${index}] ("${layer.name}")`);
  return { name, layers };
}

/** What no single field can tell: sizes that do not fit together. */
export function checkLayer(layer: Layer, where: string): void {
  const fail = (field: string, value: unknown, want: string): never => {
    throw new SimulatorError("LOWBIT_CONFIGURATION", `${field} can't be ${value}`, {
      where: `${where}, ${field}`,
      want,
      got: value,
    });
  };
  const { groups } = layer;
  const [inputs, filters] = layer.type === "conv" ? (["C", "M"] as const) : (["K", "N"] as const);
  const sizes = layer as unknown as Readonly<Record<string, number>>;
  for (const field of [inputs, filters]) {
    if (sizes[field] % groups !== 0) fail(field, sizes[field], `a multiple of groups, ${groups}`);
  }
  if (layer.type === "conv") {
    const [height, width] = [layer.H + 2 * layer.padH, layer.W + 2 * layer.padW];
    if (layer.R > height) fail("R", layer.R, `a number from 1 to ${height}, the padded height`);
    if (layer.S > width) fail("S", layer.S, `a number from 1 to ${width}, the padded width`);
  }
  const { macs } = productsOf(layer, "ceiling");
  if (!Number.isSafeInteger(macs)) fail("MACs", macs, `a layer of at most 2^53 multiply-accumulates`);
}
