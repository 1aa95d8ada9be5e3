import { type Disk, type DiskFile, folderOf } from "./disk.js";

// What can be on a disk after the power was cut: for tests of everything that writes. A recording of the calls is replayed; at each
// point between two calls, content that was not synced may be gone, there, cut in half or zeroed, and names that were not synced
// may be there up to any point of their order, or the last alone.

/** One call that changes a disk. `file` numbers the opened files: names may change, the content goes on. */
export type DiskEvent =
  | { readonly call: "create"; readonly path: string; readonly file: number }
  | { readonly call: "write"; readonly file: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly call: "truncate"; readonly file: number; readonly bytes: number }
  | { readonly call: "sync"; readonly file: number }
  | { readonly call: "rename"; readonly from: string; readonly to: string }
  | { readonly call: "remove"; readonly path: string }
  | { readonly call: "syncFolder"; readonly path: string };

/** The same disk; what changes it is added to `events` once it is done. Folders are taken to be there before the recording. */
export function recordDisk(disk: Disk, events: DiskEvent[]): Disk {
  const numbers = new Map<string, number>();
  const recordFile = (inner: DiskFile, file: number): DiskFile => ({
    ...inner,
    async write(bytes, position) {
      const count = await inner.write(bytes, position);
      events.push({ call: "write", file, position, bytes: bytes.slice(0, count) });
      return count;
    },
    async truncate(bytes) {
      await inner.truncate(bytes);
      events.push({ call: "truncate", file, bytes });
    },
    async sync() {
      await inner.sync();
      events.push({ call: "sync", file });
    },
  });
  return {
    ...disk,
    async open(path, mode) {
      const inner = await disk.open(path, mode);
      if (mode === "read" || mode === "readNoLink") return inner;
      let file = numbers.get(path);
      if (file === undefined) {
        file = events.length;
        numbers.set(path, file);
        events.push({ call: "create", path, file });
      }
      return recordFile(inner, file);
    },
    async rename(from, to) {
      await disk.rename(from, to);
      events.push({ call: "rename", from, to });
      const file = numbers.get(from);
      numbers.delete(from);
      if (file !== undefined) numbers.set(to, file);
    },
    async remove(path) {
      await disk.remove(path);
      events.push({ call: "remove", path });
      numbers.delete(path);
    },
    async syncFolder(path) {
      await disk.syncFolder(path);
      events.push({ call: "syncFolder", path });
    },
  };
}

/** A disk as it may be found after the power came back. */
export interface PowerCut {
  /** Events that were done before the cut. */
  readonly after: number;
  readonly files: Map<string, Uint8Array>;
}

type NameEvent = Extract<DiskEvent, { call: "create" | "rename" | "remove" }>;

interface Content {
  readonly synced: Uint8Array;
  readonly written: Uint8Array;
}

const LOSSES: readonly ((content: Content) => Uint8Array)[] = [
  ({ synced }) => synced, // dropped
  ({ written }) => written, // it was on the medium after all
  // half of what was added: what had been synced stays
  ({ synced, written }) => written.slice(0, synced.length + (Math.max(0, written.length - synced.length) >> 1)),
  ({ synced, written }) => written.map((_, i) => synced[i] ?? 0), // the length is there, the content is not
];

/** Every state that the model knows, for a cut after 0, 1, 2 … all events. The disk was empty before them. */
export function* powerCuts(events: readonly DiskEvent[]): Generator<PowerCut> {
  for (let after = 0; after <= events.length; after++) {
    const done = events.slice(0, after);
    const contents = replayContents(done);
    const hasLoss = [...contents.values()].some(({ synced, written }) => synced !== written);
    for (const names of namesAfter(done)) {
      for (const lose of hasLoss ? LOSSES : LOSSES.slice(0, 1)) {
        const files = new Map<string, Uint8Array>();
        for (const [path, file] of names) {
          const content = contents.get(file);
          if (content) files.set(path, content.synced === content.written ? content.synced : lose(content));
        }
        yield { after, files };
      }
    }
  }
}

function replayContents(events: readonly DiskEvent[]): Map<number, Content> {
  const contents = new Map<number, Content>();
  const change = (file: number, make: (old: Content) => Content): void => {
    const old = contents.get(file);
    if (old) contents.set(file, make(old));
  };
  for (const event of events) {
    switch (event.call) {
      case "create": {
        const empty = new Uint8Array(0);
        contents.set(event.file, { synced: empty, written: empty });
        break;
      }
      case "write":
        change(event.file, ({ synced, written }) => {
          const grown = new Uint8Array(Math.max(written.length, event.position + event.bytes.length));
          grown.set(written);
          grown.set(event.bytes, event.position);
          return { synced, written: grown };
        });
        break;
      case "truncate":
        change(event.file, ({ synced, written }) => ({ synced, written: written.slice(0, event.bytes) }));
        break;
      case "sync":
        change(event.file, ({ written }) => ({ synced: written, written }));
        break;
    }
  }
  return contents;
}

/** The names that may be there: those of synced folders, with the first 0, 1, 2 … of the later changes, or with the last alone. */
function namesAfter(events: readonly DiskEvent[]): Map<string, number>[] {
  const synced = new Map<string, number>();
  let pending: NameEvent[] = [];
  for (const event of events) {
    if (event.call === "create" || event.call === "remove" || event.call === "rename") pending.push(event);
    if (event.call !== "syncFolder") continue;
    const isSynced = (change: NameEvent): boolean =>
      folderOf(change.call === "rename" ? change.to : change.path) === event.path;
    applyNames(synced, pending.filter(isSynced), pending);
    pending = pending.filter((change) => !isSynced(change));
  }
  const states: Map<string, number>[] = [];
  for (let count = 0; count <= pending.length; count++)
    states.push(applyNames(new Map(synced), pending.slice(0, count), pending));
  if (pending.length > 1) states.push(applyNames(new Map(synced), pending.slice(-1), pending));
  return states;
}

/** Applies changes in their order. A rename whose file was made by a change that got lost still carries that file along. */
function applyNames(
  names: Map<string, number>,
  changes: readonly NameEvent[],
  all: readonly NameEvent[],
): Map<string, number> {
  for (const change of changes) {
    if (change.call === "create") names.set(change.path, change.file);
    else if (change.call === "remove") names.delete(change.path);
    else {
      const made = all.find((other) => other.call === "create" && other.path === change.from);
      const file = names.get(change.from) ?? (made?.call === "create" ? made.file : undefined);
      names.delete(change.from);
      if (file !== undefined) names.set(change.to, file);
    }
  }
  return names;
}
