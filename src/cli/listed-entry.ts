import { type ResidentChunks } from "../chunks/resident-chunks.ts";
import { typeLetters } from "../format/catalog/type-letters.ts";
import { FormatError } from "../format/format-error.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { archiveRoot, type BrowsedEntry, type BrowsedFile, catalogRoot } from "./browsed-entry.ts";
import { quotedPath } from "./quoted-path.ts";

const SLASH = 0x2f;

/** One name of a snapshot, with its whole path. */
export interface ListedEntry {
  /** Bytes of the path, from `.` on. */
  readonly path: Uint8Array;
  readonly kind: BrowsedEntry["kind"];
  /** Only of files. */
  readonly file?: BrowsedFile;
}

/** Lists a catalogue; directories come before what is in them. Memory: one directory for each level. */
export async function* catalogEntries(
  source: ResidentChunks,
  signal: AbortSignal,
): AsyncGenerator<ListedEntry, void, void> {
  yield* entriesOf(new TextEncoder().encode("."), await catalogRoot(source, signal));
}

/** Renders an entry as a line without its end: `KIND "PATH"`, for files also size and time. */
export function listedEntryLine({ path, kind, file }: ListedEntry): string {
  const line = `${typeLetters[kind]} ${quotedPath(path)}`;
  return file ? `${line} ${file.size} ${timeOf(file.mtimeSec)}` : line;
}

/** The members of an entry in JSON; a path that is not UTF-8 is also there byte for byte, in base64. */
export function listedEntryJson({
  path,
  kind,
  file,
}: ListedEntry): Readonly<Record<string, unknown>> {
  const text = new TextDecoder().decode(path);
  const isText = Buffer.from(text).equals(path);
  return {
    path: text,
    ...(isText ? {} : { "path-base64": Buffer.from(path).toString("base64") }),
    type: typeLetters[kind],
    ...(file ? { size: file.size, mtime: file.mtimeSec } : {}),
  };
}

/** Lists the tree of an archive in the same form; used where a snapshot has no catalogue. */
export async function* archiveEntries(
  archiveName: string,
  source: ResidentChunks,
  signal: AbortSignal,
): AsyncGenerator<ListedEntry, void, void> {
  const root = await archiveRoot(source, signal);
  yield* entriesOf(new TextEncoder().encode(`./${archiveName}`), root);
}

async function* entriesOf(
  rootPath: Uint8Array,
  rootEntries: readonly BrowsedEntry[],
): AsyncGenerator<ListedEntry, void, void> {
  const open = [{ path: rootPath, entries: rootEntries.values() }];
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const next = level.entries.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    const { kind, file, name, children } = next.value;
    const path = joined(level.path, name);
    yield file ? { path, kind, file } : { path, kind };
    const entries = await children?.();
    if (entries) open.push({ path, entries: entries.values() });
  }
}

/** A time that a folder's name could not have is printed as its number. */
function timeOf(mtimeSec: number): string {
  try {
    return timeText(mtimeSec);
  } catch (error) {
    if (error instanceof FormatError) return String(mtimeSec);
    throw error;
  }
}

function joined(parent: Uint8Array, name: Uint8Array): Uint8Array {
  const path = new Uint8Array(parent.length + 1 + name.length);
  path.set(parent);
  path[parent.length] = SLASH;
  path.set(name, parent.length + 1);
  return path;
}
