import type { Engine, HostTensor } from "@lowbit/core-tensor";
import type { JsonRecord } from "@lowbit/nn";
import { collapseOf, type LayerDiagnosis, layerDiagnosis, type PreparedModel } from "@lowbit/quant";
import { firstImages } from "./first-images.js";
import { note, warn } from "./print.js";

/** Images that pass for it after each epoch. */
const IMAGES = 16;

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const spread = (shares: readonly number[]): string => {
  const [least, most] = [percent(Math.min(...shares)), percent(Math.max(...shares))];
  return least === most ? least : `${least.slice(0, -2)} to ${most}`;
};

/** One line on how the codes of all layers are used. */
function describeLayers(diagnoses: readonly LayerDiagnosis[]): string {
  const of = (slot: string) => diagnoses.filter((each) => each.slot === slot);
  const parts = ["weight", "input"].flatMap((slot) => {
    const own = of(slot);
    if (own.length === 0) return [];
    const changed = own.flatMap((each) => each.changed ?? []);
    const flips = changed.length > 0 ? `, ${spread(changed)} changed` : "";
    const zeros = spread(own.map((each) => each.zeros));
    return [`${slot}s ${zeros} zeros, ${spread(own.map(({ clipped }) => clipped))} clipped${flips}`];
  });
  return parts.join("; ");
}

/** What the log keeps of a slot; not the codes that changed, of which a run that was resumed knows less. */
function forLog({ layer, slot, zeros, clipped, histogram }: LayerDiagnosis): JsonRecord {
  return { layer, slot, zeros, clipped, histogram: [...histogram] };
}

/**
 * Looks at the quantized layers after each epoch: a line of shares, and a warning, once, for each that has collapsed.
 *
 * @returns a function that resolves to the shares of each slot and how often each of its codes occurs, for the log
 */
export function watchLayers(model: PreparedModel, engine: Engine, images: HostTensor): () => Promise<JsonRecord[]> {
  const diagnose = layerDiagnosis(model, engine);
  const batch = firstImages(images, IMAGES);
  const told = new Set<string>();
  return async () => {
    const diagnoses = await diagnose(batch);
    if (diagnoses.length === 0) return [];
    note(`  codes: ${describeLayers(diagnoses)}`);
    for (const diagnosis of diagnoses) {
      const collapse = collapseOf(diagnosis);
      const key = `${diagnosis.layer} ${diagnosis.slot}`;
      if (collapse === undefined || told.has(key)) continue;
      told.add(key);
      warn(collapse);
    }
    return diagnoses.map(forLog);
  };
}
