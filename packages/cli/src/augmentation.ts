import { ArgumentError } from "@lowbit/core-tensor";
import type { Augmentation } from "@lowbit/data";

/**
 * Reads "crop:2,flip": pads by two pixels and cuts the size out again at a random place, and mirrors half of the images.
 *
 * @throws {ArgumentError} for anything else than crop:PIXELS and flip, each once, or none
 */
export function augmentation(text: string): Augmentation {
  if (text === "none") return {};
  const changes: { crop?: number; flip?: boolean } = {};
  for (const part of text.split(",")) {
    const crop = /^crop:(\d{1,3})$/.exec(part)?.[1];
    if (part === "flip" && changes.flip === undefined) changes.flip = true;
    else if (crop !== undefined && changes.crop === undefined) changes.crop = Number(crop);
    else {
      throw new ArgumentError(`images can't be changed by ${JSON.stringify(text)}`, {
        want: "crop:PIXELS and flip, joined by a comma, such as crop:2,flip; or none",
        got: text,
      });
    }
  }
  return changes;
}
