import { type ResidentChunks } from "../chunks/resident-chunks.ts";
import { type CatalogEntry } from "../format/catalog/catalog-entry.ts";
import { CatalogReader } from "../format/catalog/catalog-reader.ts";
import { FormatError } from "../format/format-error.ts";
import { type PxarDirectory } from "../format/pxar/node.ts";
import { PxarTree } from "../format/pxar/tree-reader.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { quotedPath } from "./quoted-path.ts";

/** What listings call the kinds of entries (spec rest-api.md §5.6). */
const letters: Readonly<Record<CatalogEntry["kind"], string>> = {
  directory: "d",
  file: "f",
  symlink: "l",
  hardlink: "h",
  "block-device": "b",
  "character-device": "c",
  fifo: "p",
  socket: "s",
};

const SLASH = 0x2f;

/** One name of a tree that is being listed. */
interface Listed {
  readonly kind: keyof typeof letters;
  readonly name: Uint8Array;
  /** Only of files: bytes, and seconds since the epoch. */
  readonly file?: { readonly size: number; readonly mtimeSec: number };
  /** Reads what is in a directory. */
  readonly children?: () => Promise<readonly Listed[]>;
}

/**
 * Lists a catalogue as lines without ends: `KIND "PATH"`, for files also size and time; directories before what is in
 * them. Memory: one directory for each level.
 */
export async function* catalogLines(
  source: ResidentChunks,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const reader = new CatalogReader(source);
  const childrenAt = async (start: number): Promise<readonly Listed[]> => {
    const entries = await source.run(() => reader.readDirectory(start), { signal });
    return entries.map((entry) => {
      const { kind, name } = entry;
      if (kind === "directory") {
        return { kind, name, children: async () => await childrenAt(entry.start) };
      }
      if (kind === "file") {
        return { kind, name, file: { size: entry.size, mtimeSec: Number(entry.mtimeSec) } };
      }
      return { kind, name };
    });
  };
  const root = await source.run(() => reader.root(), { signal });
  yield* linesOf(new TextEncoder().encode("."), await childrenAt(root));
}

/** Lists the tree of an archive in the same form; used where a snapshot has no catalogue. */
export async function* archiveLines(
  archiveName: string,
  source: ResidentChunks,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const tree = new PxarTree(source);
  const childrenOf = async (directory: PxarDirectory): Promise<readonly Listed[]> => {
    const nodes = await source.run(() => tree.children(directory), { signal });
    return nodes.map((node) => {
      const { kind, name } = node;
      if (kind === "directory") {
        return { kind, name, children: async () => await childrenOf(node) };
      }
      if (kind === "file") {
        return { kind, name, file: { size: node.size, mtimeSec: node.metadata.mtimeSec } };
      }
      return { kind, name };
    });
  };
  const root = await source.run(() => tree.root(), { signal });
  yield* linesOf(new TextEncoder().encode(`./${archiveName}`), await childrenOf(root));
}

async function* linesOf(
  rootPath: Uint8Array,
  rootEntries: readonly Listed[],
): AsyncGenerator<string, void, void> {
  const open = [{ path: rootPath, entries: rootEntries.values() }];
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const next = level.entries.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    const path = joined(level.path, next.value.name);
    yield lineOf(path, next.value);
    const entries = await next.value.children?.();
    if (entries) open.push({ path, entries: entries.values() });
  }
}

function lineOf(path: Uint8Array, { kind, file }: Listed): string {
  const line = `${letters[kind]} ${quotedPath(path)}`;
  return file ? `${line} ${file.size} ${timeOf(file.mtimeSec)}` : line;
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
