import { ArgumentError } from "@lowbit/core-tensor";
import { didYouMean } from "@lowbit/nn";
import { apprenticeStudy, dlacStudy, quantizersStudy, rnnStudy, type Study, wrpnStudy } from "@lowbit/sweep";

/** The studies that `lowbit study` knows. */
export const studies: readonly Study[] = [wrpnStudy, quantizersStudy, apprenticeStudy, rnnStudy, dlacStudy];

/** @throws {ArgumentError} for a name that is none, with the one that was probably meant */
export function findStudy(name: string): Study {
  const study = studies.find((each) => each.name === name);
  if (study) return study;
  const names = studies.map((each) => each.name);
  const near = didYouMean(name, names);
  throw new ArgumentError(`there is no study ${JSON.stringify(name)}`, {
    where: "study",
    want: names.join(", "),
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}
