import { ArgumentError } from "@lowbit/core-tensor";
import { openStorage } from "@lowbit/core-tensor/storage";
import { readTrials } from "@lowbit/sweep";
import type { MeasuredAccuracy } from "@lowbit/wrpn";
import { z } from "zod";

/** What is looked at in the configuration of a trial; it may say more. */
const configurationSchema = z.object({
  model: z.string(),
  data: z.string(),
  width: z.number().positive(),
  precision: z.string(),
});

/**
 * The accuracies that a study has measured for one model, on one data set.
 *
 * @param folder  where `lowbit study` wrote its records; those of other configurations than (model, data, width, precision) are passed over
 * @param data  which of its data sets; may be absent where there is one only
 * @throws {FileFormatError} for a record that can't be read
 * @throws {ArgumentError} for a folder without a trial of the model, and where `data` is absent and there are several: their
 *   accuracies can't be compared
 */
export async function readStudy(folder: string, model: string, data?: string): Promise<MeasuredAccuracy[]> {
  const records = await readTrials(openStorage(), folder);
  const trials = records.flatMap(({ configuration, result }) => {
    const parsed = configurationSchema.safeParse(configuration);
    const isWanted = parsed.data?.model === model && (data === undefined || parsed.data.data === data);
    return parsed.data && isWanted && "accuracy" in result ? [{ ...parsed.data, accuracy: result.accuracy }] : [];
  });
  const names = [...new Set(trials.map((trial) => trial.data))];
  if (names.length !== 1) {
    const isMixed = names.length > 1;
    throw new ArgumentError(`${folder} has measured ${model} on ${isMixed ? "several data sets" : "no data set"}`, {
      where: isMixed ? "--data" : "--study",
      want: isMixed ? `one of ${names.join(", ")}` : `records of ${model}${data === undefined ? "" : ` on ${data}`}`,
    });
  }
  const source = `${folder}, ${names[0]}`;
  return trials.map(({ width, precision, accuracy }) => ({ width, precision, accuracy, source }));
}
