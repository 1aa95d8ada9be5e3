import { ArgumentError } from "@lowbit/core-tensor";
import { joinPath, type Storage } from "@lowbit/core-tensor/storage";
import { type Report, renderMarkdown, renderPage } from "@lowbit/report";

const ENDING = /\.(md|html)$/;

/** @throws {ArgumentError} for a file that is neither Markdown nor HTML: said before hours of work */
export function checkReportFile(file: string): void {
  if (!ENDING.test(file))
    throw new ArgumentError(`a report can't be written to ${JSON.stringify(file)}`, {
      where: "--report",
      want: "a file that ends in .md (its charts lie in a folder beside it) or in .html (one page that holds all)",
    });
}

/** Writes a report: `name.html` whole, or `name.md` and its charts in the folder `name/`, the text last. Returns the files written. */
export async function writeReport(storage: Storage, file: string, report: Report): Promise<string[]> {
  checkReportFile(file);
  if (file.endsWith(".html")) {
    await storage.writeAtomic(file, renderPage(report));
    return [file];
  }
  const folder = file.replace(ENDING, "");
  const name = folder.split(/[\\/]/).at(-1);
  const { markdown, files } = renderMarkdown(report, (chart) => `${name}/${chart}.svg`);
  if (files.size > 0) await storage.makeFolder(folder);
  const written: string[] = [];
  for (const [path, svg] of files) {
    const target = joinPath(folder, path.slice(path.indexOf("/") + 1));
    await storage.writeAtomic(target, svg);
    written.push(target);
  }
  await storage.writeAtomic(file, markdown);
  return [...written, file];
}
