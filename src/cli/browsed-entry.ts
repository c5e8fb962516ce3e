import { type ResidentChunks } from "../chunks/resident-chunks.ts";
import { type CatalogEntry } from "../format/catalog/catalog-entry.ts";
import { CatalogReader } from "../format/catalog/catalog-reader.ts";
import { type PxarDirectory } from "../format/pxar/node.ts";
import { PxarTree } from "../format/pxar/tree-reader.ts";

/** What is known of a regular file without its content. */
export interface BrowsedFile {
  readonly size: number;
  readonly mtimeSec: number;
}

/** One name of a tree, of which directories are read when they are looked into. */
export interface BrowsedEntry {
  readonly kind: CatalogEntry["kind"];
  /** Any bytes but a slash. */
  readonly name: Uint8Array;
  /** Only of files. */
  readonly file?: BrowsedFile;
  /** Reads what is in a directory, in archive order; only of directories. */
  readonly children?: () => Promise<readonly BrowsedEntry[]>;
}

/** The archives that a catalogue lists, as directories under their server-side names. */
export async function catalogRoot(
  source: ResidentChunks,
  signal: AbortSignal,
): Promise<readonly BrowsedEntry[]> {
  const reader = new CatalogReader(source);
  const childrenAt = async (start: number): Promise<readonly BrowsedEntry[]> => {
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
  return await childrenAt(await source.run(() => reader.root(), { signal }));
}

/** What is in the root of an archive, read from its own metadata. */
export async function archiveRoot(
  source: ResidentChunks,
  signal: AbortSignal,
): Promise<readonly BrowsedEntry[]> {
  const tree = new PxarTree(source);
  const childrenOf = async (directory: PxarDirectory): Promise<readonly BrowsedEntry[]> => {
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
  return await childrenOf(await source.run(() => tree.root(), { signal }));
}
