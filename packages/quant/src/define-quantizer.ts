import type { CodeFormat, Tensor } from "@lowbit/core-tensor";

/** The part of Standard Schema (standardschema.dev) that a quantizer's options need: zod, valibot and arktype all have it. */
export interface OptionsSchema<Options> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => { readonly value: Options } | { readonly issues: readonly { readonly message: string }[] } | Promise<unknown>;
    readonly types?: { readonly input: unknown; readonly output: Options } | undefined;
  };
}

/** The whole numbers that a quantizer produces: value = scale · code. */
export interface CodeRange {
  readonly kind: CodeFormat["kind"];
  readonly min: number;
  readonly max: number;
}

/** Where the scale of a quantizer comes from. */
export type Scale<Options> =
  /** Known before training; the grid is static. */
  | { readonly kind: "constant"; readonly value: number }
  /** Worked out of the values themselves each time; [] or a shape that stretches over them, such as [M, 1, 1, 1]. */
  | { readonly kind: "statistic"; readonly compute: (values: Tensor, options: Options) => Tensor }
  /** A parameter of the layer, trained with the rest; `initial` is worked out of the first values. */
  | { readonly kind: "learned"; readonly initial: (values: Tensor, options: Options) => Tensor };

export type Granularity =
  | { readonly kind: "per-tensor" }
  | { readonly kind: "per-channel"; readonly axis: number }
  | { readonly kind: "per-group"; readonly size: number };

/**
 * A quantizer: real values to a few levels and back, in ordinary operations, so that gradients, every backend and every
 * exporter follow from it. `scale` is the tensor that a statistic or learned scale gave, undefined where it is constant.
 */
export interface Quantizer<Options = unknown> {
  readonly name: string;
  /** Rises when the same options give other numbers. Stored with every checkpoint. */
  readonly version: number;
  readonly options: OptionsSchema<Options>;
  readonly codes: (options: Options) => CodeRange;
  readonly scale: (options: Options) => Scale<Options>;
  readonly granularity: (options: Options) => Granularity;
  /** The nearest level of each value, with the gradient that training uses. Same shape. */
  readonly fakeQuantize: (values: Tensor, options: Options, scale?: Tensor) => Tensor;
  /** Levels to codes: whole numbers in f32, exact. */
  readonly toCodes: (levels: Tensor, options: Options, scale?: Tensor) => Tensor;
  /** Codes to levels: exactly the values that `fakeQuantize` gives. */
  readonly fromCodes: (codes: Tensor, options: Options, scale?: Tensor) => Tensor;
  /** Why quantizing a level again does not give it back, where that is so (DoReFa's tanh). */
  readonly whyNotIdempotent?: string;
}
