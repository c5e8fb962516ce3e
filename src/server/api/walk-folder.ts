import { type ByteSource } from "../../chunks/byte-source.ts";
import { ITEM_HEADER_BYTES } from "../../format/pxar/item.ts";
import {
  type PxarDirectory,
  type PxarFile,
  type PxarNode,
  type PxarOwnNode,
} from "../../format/pxar/node.ts";
import {
  checkPayloadHeader,
  type PxarListing,
  type PxarTree,
} from "../../format/pxar/tree-reader.ts";
import { refused } from "../http/api-error.ts";
import { type OpenArchive } from "./snapshot-archive.ts";

/** Content of one file of an archive. */
export interface TreeFile {
  readonly source: ByteSource;
  readonly offset: number;
  readonly size: number;
}

/** An archive with a tree in it, open: the tree, and where content of files lies. */
export interface OpenTree {
  readonly tree: PxarTree;
  readonly metadata: OpenArchive;
  /** The payload archive of a split one. */
  readonly payload: OpenArchive | undefined;
}

/** One entry below a folder. */
export interface FolderEntry {
  /** Path from the folder's parent, so that it begins with the folder's own name; any bytes but NUL, `/` between names. */
  readonly path: Uint8Array;
  /** The entry, for a hard link the file that it names. */
  readonly node: PxarOwnNode;
  /** Path of the file in the whole archive that this is a further name of. */
  readonly linkTo: Uint8Array | undefined;
  /** Content of a file. */
  readonly content: TreeFile | undefined;
}

/**
 * Where the content of a file lies.
 *
 * @throws {ApiError} `API_REFUSED` when its payload archive is missing.
 * @throws {FormatError} When the payload archive holds something else there.
 */
export async function contentOf(open: OpenTree, file: PxarFile): Promise<TreeFile> {
  const { offset, headerOffset, archive } = file.payload;
  if (archive === "metadata") return { source: open.metadata.bytes, offset, size: file.size };
  if (!open.payload) throw refused("the payload archive is missing");
  const source = open.payload.bytes;
  checkPayloadHeader(await source.readAt(headerOffset, ITEM_HEADER_BYTES), file.size);
  return { source, offset, size: file.size };
}

/**
 * Everything below a folder in archive order, parents first, the folder itself first of all.
 *
 * Reads the metadata of one piece of a directory at a time, so memory does not grow with the tree but with its depth.
 *
 * @param name Name that the folder gets; none for the root of an archive, whose entries then stand at the top.
 */
export async function* walkFolder(
  open: OpenTree,
  folder: PxarDirectory,
  name: Uint8Array,
): AsyncGenerator<FolderEntry, void, void> {
  const { tree } = open;
  const { resident } = open.metadata;
  const levels: Level[] = [];
  const enter = async (directory: PxarDirectory, path: Uint8Array): Promise<void> => {
    const listing = await resident.run(() => tree.list(directory));
    levels.push({ listing, path, nodes: [], next: 0 });
  };
  if (name.length > 0) yield { path: name, node: folder, linkTo: undefined, content: undefined };
  await enter(folder, name);
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const { listing } = level;
    let node = level.nodes[level.next++];
    if (!node) {
      level.nodes = (await resident.run(() => listing.next())) ?? [];
      level.next = 1;
      [node] = level.nodes;
    }
    if (!node) {
      levels.pop();
      continue;
    }
    const path = joined(level.path, node.name);
    const linkTo = node.kind === "hardlink" ? node.targetPath : undefined;
    const named = node;
    const own =
      named.kind === "hardlink" ? await resident.run(() => tree.resolveHardLink(named)) : named;
    const content = own.kind === "file" ? await contentOf(open, own) : undefined;
    yield { path, node: own, linkTo, content };
    if (own.kind === "directory") await enter(own, path);
  }
}

/** A directory under way. */
interface Level {
  readonly listing: PxarListing;
  readonly path: Uint8Array;
  nodes: readonly PxarNode[];
  next: number;
}

function joined(parent: Uint8Array, name: Uint8Array): Uint8Array {
  return parent.length === 0 ? name : Buffer.concat([parent, Buffer.from("/"), name]);
}
