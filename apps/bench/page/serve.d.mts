/** Builds the page into a folder: plain files that any web server can serve. */
export function buildPage(outDir?: string): Promise<void>;
/** Serves a page that was built; resolves to its address and a function that ends it. */
export function servePage(options?: {
  readonly outDir?: string;
  readonly port?: number;
  readonly isIsolated?: boolean;
}): Promise<{ readonly url: string; close(): Promise<void> }>;
