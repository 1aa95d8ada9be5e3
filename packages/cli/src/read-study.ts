import { ArgumentError, FileFormatError } from "@lowbit/core-tensor";
import { openStorage, parseJson } from "@lowbit/core-tensor/storage";
import type { MeasuredAccuracy } from "@lowbit/wrpn";
import { z } from "zod";

/** What is read of a study; it may say more. */
const studySchema = z.object({
  trials: z.array(
    z.object({
      model: z.string(),
      data: z.string().optional(),
      width: z.number().positive(),
      precision: z.string(),
      accuracy: z.number().min(0).max(100),
    }),
  ),
});

/**
 * The accuracies that a study has measured for one model, on one data set.
 *
 * @param data  which of its data sets; may be absent where there is one only
 * @throws {FileFormatError} for a file that is no study
 * @throws {ArgumentError} where `data` is absent and there are several: their accuracies can't be compared
 */
export async function readStudy(file: string, model: string, data?: string): Promise<MeasuredAccuracy[]> {
  const document = parseJson(await openStorage().read(file, { limit: 2 ** 26 }), { file });
  const parsed = studySchema.safeParse(document);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new FileFormatError(`${file} is no study`, { where: [file, ...path].join(", "), want: message });
  }
  const trials = parsed.data.trials.filter(
    (trial) => trial.model === model && (data === undefined || trial.data === data),
  );
  const names = [...new Set(trials.map((trial) => trial.data))];
  if (names.length > 1) {
    throw new ArgumentError(`${file} has measured ${model} on several data sets`, {
      where: "--data",
      want: `one of ${names.join(", ")}`,
    });
  }
  const source = names[0] === undefined ? file : `${file}, ${names[0]}`;
  return trials.map(({ width, precision, accuracy }) => ({ width, precision, accuracy, source }));
}
