import { type CodeFormat, ConfigurationError, type Tensor } from "@lowbit/core-tensor";

export type OptionsResult<Options> =
  | { readonly value: Options; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** The part of Standard Schema (standardschema.dev) that a quantizer's options need: zod, valibot and arktype all have it. */
export interface OptionsSchema<Options> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => OptionsResult<Options> | Promise<OptionsResult<Options>>;
    readonly types?: { readonly input: unknown; readonly output: Options } | undefined;
  };
}

/** The whole numbers that a quantizer produces: value = scale · code. */
export interface CodeRange {
  readonly kind: CodeFormat["kind"];
  readonly min: number;
  readonly max: number;
}

/** What a quantizer goes by beside its scale, by name: a threshold, a clipping level that is trained. */
export type Held = Readonly<Record<string, Tensor>>;

/** A number of the layer, or one for each channel or group, that is trained with its weights, in an optimiser group of its own. */
export interface Learned<Options> {
  /**
   * What it starts from, for the first values that the layer meets; of one channel or group, where there is one for each.
   * `batches` are the same values in pieces, a few images in each, for what averages over batches; one piece for a weight.
   */
  initial(values: Float32Array, options: Options, batches?: readonly Float32Array[]): number;
  /** Whether it decays with the weights; not where absent. */
  readonly decays?: boolean;
  /** Whether it stays what it was observed to be: stored with the model, and not trained. Trained where absent. */
  readonly isFixed?: boolean;
  /**
   * Of one that is fixed: what a step of training that met these values makes of it, in its own shape, where it follows them; the next
   * step goes by that, and evaluation leaves it. `values` are several where a concat joins branches, `held` is as it was before.
   */
  moved?(values: readonly Tensor[], options: Options, held: Held): Tensor;
}

/** Part of a level that is not scale · code: whole numbers of their own, made of the codes, and their own scale. */
export interface Term {
  readonly codes: Tensor;
  readonly range: CodeRange;
  readonly scale: Tensor;
  /** The input channels (axis 1) that it is about, where it is not all of them; `codes` has these alone. */
  readonly channels?: { readonly from: number; readonly count: number };
}

/** How a convolution goes over the inputs that a quantizer of its edge sees. */
export interface LayerWindow {
  /** [R, S] */
  readonly window: readonly [number, number];
  readonly stride: readonly [number, number];
  /** [top, bottom, left, right] */
  readonly padding: readonly [number, number, number, number];
}

/** Where the scale of a quantizer comes from. */
export type Scale<Options> =
  /** Known before training; the grid is static. */
  | { readonly kind: "constant"; readonly value: number }
  /** Worked out of the values themselves each time; [] or a shape that stretches over them, such as [M, 1, 1, 1]. */
  | { readonly kind: "statistic"; compute(values: Tensor, options: Options, held: Held): Tensor }
  /** Made of the numbers that the layer learns. */
  | { readonly kind: "learned"; compute(held: Held): Tensor };

export type Granularity =
  | { readonly kind: "per-tensor" }
  | { readonly kind: "per-channel"; readonly axis: number }
  | { readonly kind: "per-group"; readonly size: number };

/** A gradient in plain numbers: what dy is multiplied by at `value`, and where that jumps. */
export interface DeclaredGradient {
  readonly edges: readonly number[];
  readonly at: (value: number) => number;
}

/**
 * A quantizer: real values to a few levels and back, in ordinary operations, so that gradients, every backend and every
 * exporter follow from it. `scale` is the tensor that a statistic or learned scale gave, undefined where it is constant;
 * `held` is what `statistics` gave, and what is learned.
 */
export interface Quantizer<Options = unknown> {
  /** In kebab-case; what files and registries call it. */
  readonly name: string;
  /** Rises when the same options give other numbers. Stored with every checkpoint. */
  readonly version: number;
  /** The paper and the equation, in one line. */
  readonly source?: string;
  readonly options: OptionsSchema<Options>;
  codes(options: Options): CodeRange;
  scale(options: Options): Scale<Options>;
  granularity(options: Options): Granularity;
  /** The numbers that are trained or observed, by name: one, or one for each channel or group where that is the granularity. */
  learned?(options: Options): Readonly<Record<string, Learned<Options>>>;
  /** What is worked out of the values beside the scale, and before it: each [] or a shape that stretches over them. */
  statistics?(values: Tensor, options: Options): Held;
  /** The nearest level of each value, with the gradient that training uses. Same shape. */
  fakeQuantize(values: Tensor, options: Options, scale?: Tensor, held?: Held): Tensor;
  /** Levels to codes: whole numbers in f32, exact. */
  toCodes(levels: Tensor, options: Options, scale?: Tensor, held?: Held): Tensor;
  /** Codes to levels: exactly the values that `fakeQuantize` gives. */
  fromCodes(codes: Tensor, options: Options, scale?: Tensor, held?: Held): Tensor;
  /** Where a level is not scale · code: the terms that it is the sum of. Integer kernels add them in this order. */
  terms?(codes: Tensor, options: Options, scale: Tensor | undefined, held: Held): readonly Term[];
  /**
   * Of a layer's input: what the layer's output is multiplied by beside the scales, made of the very values that the layer
   * reads; one number for each image and position, [N, 1, Ho, Wo], or [N, 1] where the layer is a matrix product and has no
   * window. Undefined, or absent, where there is nothing.
   */
  outputScale?(values: Tensor, options: Options, window: LayerWindow | undefined): Tensor | undefined;
  /**
   * The gradient that `fakeQuantize` is meant to have while the scale and all of `held` stay; the contract kit compares
   * the two.
   */
  gradient?(options: Options, scale: number, held: Readonly<Record<string, number>>): DeclaredGradient;
  /** Why quantizing a level again does not give it back, where that is so (DoReFa's tanh). */
  readonly whyNotIdempotent?: string;
}

/** 1 from min to max, edges included, 0 outside: the straight-through estimator of a clipped quantizer. */
export function clippedGradient(min: number, max: number): DeclaredGradient {
  return { edges: [min, max], at: (value) => (value >= min && value <= max ? 1 : 0) };
}

const members = ["codes", "scale", "granularity", "fakeQuantize", "toCodes", "fromCodes"] as const;

/** Names of quantizers and schemes stand in files, commands and package names. */
export function checkNameAndVersion(what: string, { name, version }: { name: unknown; version: unknown }): void {
  if (typeof name !== "string" || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new ConfigurationError(`a ${what} can't be called ${JSON.stringify(name)}`, {
      where: "name",
      want: "kebab-case, such as wrpn-weight",
      got: name,
    });
  }
  if (!Number.isInteger(version) || (version as number) < 1) {
    throw new ConfigurationError(`${what} "${name}" can't have version ${JSON.stringify(version)}`, {
      where: "version",
      want: "a whole number from 1 that rises when the numbers change",
      got: version,
    });
  }
}

/**
 * Makes a quantizer of its declaration: one plain, frozen object.
 *
 * @throws {ConfigurationError} when the name, the version, the options' schema or a function is missing or malformed
 * @example
 * const halves = defineQuantizer({
 *   name: "halves",
 *   version: 1,
 *   options: z.strictObject({}),
 *   codes: () => ({ kind: "int", min: -2, max: 2 }),
 *   scale: () => ({ kind: "constant", value: 0.5 }),
 *   granularity: () => ({ kind: "per-tensor" }),
 *   fakeQuantize: (x) => divide(roundStraightThrough(multiply(clip(x, { min: -1, max: 1 }), 2)), 2),
 *   toCodes: (levels) => multiply(levels, 2),
 *   fromCodes: (codes) => divide(codes, 2),
 * });
 */
export function defineQuantizer<Options>(declaration: Quantizer<Options>): Quantizer<Options> {
  checkNameAndVersion("quantizer", declaration);
  const missing = members.filter((member) => typeof declaration[member] !== "function");
  const standard = declaration.options?.["~standard"];
  if (standard?.version !== 1 || typeof standard.validate !== "function") missing.unshift("options" as never);
  if (missing.length > 0) {
    throw new ConfigurationError(`quantizer "${declaration.name}" does not declare ${missing.join(", ")}`, {
      where: missing.join(", "),
      want: `a Standard Schema as options, and the functions ${members.join(", ")}`,
    });
  }
  return Object.freeze({ ...declaration });
}

/**
 * Reads the options of a quantizer, as a file or a caller wrote them, with its own schema; defaults are filled in.
 *
 * @throws {ConfigurationError} naming the quantizer, the option and what is wrong with it
 */
export function parseOptions<Options>(quantizer: Quantizer<Options>, options: unknown): Options {
  return readOptions(`quantizer "${quantizer.name}"`, quantizer.options, options);
}

/** The same for whatever has options: `what` says whose they are. */
export function readOptions<Options>(what: string, schema: OptionsSchema<Options>, options: unknown): Options {
  const result = schema["~standard"].validate(options);
  if (result instanceof Promise) {
    result.catch(() => undefined); // its verdict comes too late to matter
    throw new ConfigurationError(`${what} checks its options asynchronously`, {
      where: what,
      want: "a schema that answers at once",
    });
  }
  if (!result.issues) return result.value;
  const [{ message, path = [] }] = result.issues;
  const at = path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  throw new ConfigurationError(`${what} can't take the options ${JSON.stringify(options)}`, {
    where: at === "" ? "options" : `options.${at}`,
    want: message,
    got: options,
  });
}
