import { openStorage } from "@lowbit/core-tensor/storage";
import { type LayerSensitivity, measureSensitivity, type Sensitivities } from "@lowbit/quant";
import { type EngineChoice, openEngine } from "./open-engine.js";
import { openFullPrecision } from "./open-full-precision.js";
import { typedScheme } from "./parse-quantizer-options.js";
import { loadRegistry } from "./plugins.js";
import { startProgress } from "./progress.js";
import { type Column, formatTable } from "./table.js";

export interface SensitivityChoice extends Partial<EngineChoice> {
  readonly backend: string;
  readonly quantizer: string;
  readonly quantizerOption: readonly string[];
  readonly weightBits: readonly number[];
  readonly inputBits: readonly number[];
  readonly outerLayers: boolean;
  readonly data?: string;
  readonly images: number;
  readonly seed: number;
  readonly plugin: readonly string[];
  readonly progress: boolean;
}

export interface SensitivityReport extends Sensitivities {
  readonly from: string;
  readonly model: string;
  readonly quantizer: string;
  readonly seed: number;
}

/** `lowbit sensitivity`, from what was typed to the figures of each layer. */
export async function runSensitivity(folder: string, options: SensitivityChoice): Promise<SensitivityReport> {
  const { backend, threads, build, plugin, images, seed, data, quantizer, weightBits, inputBits, outerLayers } =
    options;
  const storage = openStorage();
  const registry = await loadRegistry(storage, plugin);
  const { scheme } = typedScheme(registry, options);
  const {
    network,
    images: batches,
    calibration,
  } = await openFullPrecision(storage, folder, {
    ...{ registry, images, seed, data },
  });
  const engine = await openEngine({ backend, threads, build }, "training");
  const progress = sensitivityProgress(options);
  try {
    await network.load(engine);
    const found = await measureSensitivity(
      { engine, model: network.model, images: batches },
      { registry, scheme, weightBits, inputBits, outerLayers, loader: calibration, onMeasured: progress.onMeasured },
    );
    return { from: folder, model: network.model.name, quantizer, seed, ...found };
  } finally {
    progress.stop();
    await engine.close();
  }
}

/** A bar that grows with each measurement. */
export function sensitivityProgress({ progress }: { readonly progress: boolean }) {
  let bar: ReturnType<typeof startProgress> | undefined;
  return {
    onMeasured: ({ layer, slot, bits }: LayerSensitivity, { done, all }: { done: number; all: number }) => {
      bar ??= startProgress("measuring", all, { show: progress });
      bar.update(done, `${layer} ${slot} ${bits} bits`);
    },
    stop: () => bar?.stop(),
  };
}

/** One row for each layer: the loss added at each slot and bits. */
export function sensitivityColumns(measured: readonly LayerSensitivity[]): Column<string>[] {
  const kinds = new Map(measured.map(({ slot, bits }) => [`${slot} ${bits}`, { slot, bits }]));
  const columns = [...kinds.values()].map(({ slot, bits }): Column<string> => {
    const cell = (layer: string) =>
      measured.find((each) => each.layer === layer && each.slot === slot && each.bits === bits);
    return {
      title: `${slot} ${bits} bit${bits === 1 ? "" : "s"}`,
      value: (layer) => {
        const found = cell(layer);
        return found === undefined ? "" : `${formatIncrease(found.lossIncrease)} (${found.accuracy.toFixed(1)} %)`;
      },
      isNumber: true,
    };
  });
  return [{ title: "layer", value: (layer) => layer }, ...columns];
}

const formatIncrease = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;

export const layersOf = (measured: readonly LayerSensitivity[]): string[] => [
  ...new Set(measured.map(({ layer }) => layer)),
];

export function formatSensitivity({ model, quantizer, fullPrecision, measured }: SensitivityReport): string {
  const { accuracy, loss, images } = fullPrecision;
  return [
    `${model} by ${quantizer}: loss added, and accuracy, when one slot of one layer alone is lowered`,
    `on ${images} training images; in full precision ${accuracy.toFixed(1)} %, loss ${loss.toFixed(4)}`,
    "",
    formatTable(sensitivityColumns(measured), layersOf(measured)),
  ].join("\n");
}
