import { ConfigurationError } from "@lowbit/core-tensor";
import { didYouMean } from "@lowbit/nn";
import type { Quantizer } from "./define-quantizer.js";
import { bitsFrom, type Scheme } from "./define-scheme.js";
import type { Slot } from "./precision.js";

/** What a package of quantizers offers; third parties export one as `plugin`. */
export interface QuantizerPlugin {
  /** The package that it comes from, for `lowbit list quantizers`. */
  readonly package?: string;
  readonly quantizers: readonly Quantizer[];
  readonly schemes: readonly Scheme[];
}

export interface ListedQuantizer {
  readonly name: string;
  readonly version: number;
  readonly package: string | undefined;
  readonly source: string | undefined;
  /** Where the registered schemes use it, and with how many bits. */
  readonly slots: readonly Slot[];
  readonly bits: readonly number[];
}

export interface ListedScheme extends ListedQuantizer {
  /** Names of the quantizers that it chooses from. */
  readonly quantizers: readonly string[];
}

/** The quantizers and schemes that a program knows: a value, made of what its caller passed in and of nothing else. */
export interface Registry {
  /** @throws {ConfigurationError} when it has none of that name */
  quantizer(name: string): Quantizer;
  /** @throws {ConfigurationError} when it has none of that name */
  scheme(name: string): Scheme;
  /** Everything in it, in order of registration. */
  list(): { readonly schemes: readonly ListedScheme[]; readonly quantizers: readonly ListedQuantizer[] };
}

type Entries<T> = ReadonlyMap<string, { readonly value: T; readonly package: string | undefined }>;

/**
 * A registry of the given plugins; `builtIns` are this package's own.
 *
 * @throws {ConfigurationError} when two quantizers, or two schemes, have the same name
 * @example const registry = createRegistry(builtIns, { quantizers: [halves], schemes: [halvesScheme] });
 */
export function createRegistry(...plugins: readonly QuantizerPlugin[]): Registry {
  const quantizers = collect("quantizer", plugins, (plugin) => plugin.quantizers);
  const schemes = collect("scheme", plugins, (plugin) => plugin.schemes);
  const choices = [...schemes.values()].flatMap(({ value }) => choicesOf(value));
  return Object.freeze<Registry>({
    quantizer: (name) => find("quantizer", quantizers, name),
    scheme: (name) => find("scheme", schemes, name),
    list: () => ({
      schemes: [...schemes.values()].map((entry) => {
        const own = choices.filter(({ scheme }) => scheme === entry.value.name);
        return { ...describe(entry, own), quantizers: distinct(own.map(({ quantizer }) => quantizer)) };
      }),
      quantizers: [...quantizers.values()].map((entry) =>
        describe(
          entry,
          choices.filter(({ quantizer }) => quantizer === entry.value.name),
        ),
      ),
    }),
  });
}

function collect<T extends { readonly name: string }>(
  what: string,
  plugins: readonly QuantizerPlugin[],
  pick: (plugin: QuantizerPlugin) => readonly T[],
): Entries<T> {
  const entries = new Map<string, { value: T; package: string | undefined }>();
  for (const plugin of plugins) {
    for (const value of pick(plugin)) {
      const other = entries.get(value.name);
      if (other) {
        const packages = distinct([other.package, plugin.package].filter((name) => name !== undefined));
        throw new ConfigurationError(`there are two ${what}s called "${value.name}"`, {
          where: packages.length > 0 ? packages.join(" and ") : "createRegistry",
          want: `every ${what} once`,
          got: value.name,
        });
      }
      entries.set(value.name, { value, package: plugin.package });
    }
  }
  return entries;
}

function find<T>(what: string, entries: Entries<T>, name: string): T {
  const entry = entries.get(name);
  if (entry) return entry.value;
  const nearest = didYouMean(name, [...entries.keys()]);
  const isPackageName = /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
  const install = `install lowbit-quantizer-${name}, or whichever package has it, and name it in lowbit.config.json (in a program: pass it to createRegistry)`;
  throw new ConfigurationError(`there is no ${what} ${JSON.stringify(name)}`, {
    where: what,
    want: entries.size === 0 ? `a registry with ${what}s in it` : `one of ${[...entries.keys()].join(", ")}`,
    got: name,
    hint: nearest !== undefined ? `did you mean ${nearest}?` : isPackageName ? install : undefined,
  });
}

interface Choice {
  readonly scheme: string;
  readonly quantizer: string;
  readonly slot: Slot;
  readonly bits: number;
}

const slots: readonly Slot[] = ["weight", "input", "recurrent", "state", "gate", "cell", "gradient"];

/** All that a scheme would ever answer. */
function choicesOf(scheme: Scheme): Choice[] {
  return slots.flatMap((slot) =>
    [false, true].flatMap((signed) =>
      scheme.bits(slot, { signed }).flatMap((bits) => {
        const quantizer = scheme.choose(slot, { bits, signed })?.quantizer.name;
        return quantizer === undefined ? [] : [{ scheme: scheme.name, quantizer, slot, bits }];
      }),
    ),
  );
}

function describe<T extends { name: string; version: number; source?: string }>(
  { value, package: from }: { value: T; package: string | undefined },
  choices: readonly Choice[],
): ListedQuantizer {
  return {
    name: value.name,
    version: value.version,
    package: from,
    source: value.source,
    slots: distinct(choices.map(({ slot }) => slot)),
    bits: bitsFrom(1, 8).filter((bits) => choices.some((choice) => choice.bits === bits)),
  };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
