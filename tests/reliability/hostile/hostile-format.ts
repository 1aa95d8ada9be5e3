import type { Random } from "./random.js";

/** Files by their path: a format of one file has one of them. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** A format that is read from files nobody vouches for. */
export interface HostileFormat {
  readonly name: string;
  /** Files that are right. */
  readonly seeds: readonly Files[];
  /** One of them, spoiled: by a change of bytes, or by one that only somebody who knows the format would make. */
  mutate(files: Files, random: Random): Files | Promise<Files>;
  /** Opens the files and looks at all that is in them. Throws for what is wrong with them; anything else that is wrong throws Unsound. */
  open(files: Files): Promise<void>;
}

/** What was opened contradicts itself: worse than an error. */
export class Unsound extends Error {}

/** One file of a format, copied: a Buffer's slice would share its bytes. */
export const oneFile = (bytes: Uint8Array): Files => new Map([["file", new Uint8Array(bytes)]]);

export const bytesOfOne = (files: Files): Uint8Array => [...files.values()][0];

export const bytesOfText = (text: string): Uint8Array => new TextEncoder().encode(text);
