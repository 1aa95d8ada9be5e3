import { FileFormatError } from "../graph/errors.js";

const DEVICE_NAMES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i; // Windows opens a device under these, whatever the folder

/**
 * Lets pass the name of one file in one folder, as a manifest may name it: letters, digits, dot, dash and underscore, at most 100,
 * not beginning or ending with a dot. So it can't leave its folder on any system.
 *
 * @throws {FileFormatError} for any other name
 */
export function checkEntryName(name: string, where: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(name) && !name.endsWith(".") && !DEVICE_NAMES.test(name)) return name;
  throw new FileFormatError(`${JSON.stringify(name.slice(0, 200))} can't be the name of a file here`, {
    where,
    want: "at most 100 letters, digits, dots, dashes and underscores, with no dot at either end",
    got: name,
  });
}
