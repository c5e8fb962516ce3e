import { type ByteSource } from "../../chunks/byte-source.ts";
import { type CatalogEntry } from "../../format/catalog/catalog-entry.ts";
import { CatalogReader } from "../../format/catalog/catalog-reader.ts";
import { type PxarDirectory, type PxarFile, type PxarNode } from "../../format/pxar/node.ts";
import { checkPayloadHeader, PxarTree } from "../../format/pxar/tree-reader.ts";
import { ITEM_HEADER_BYTES } from "../../format/pxar/item.ts";
import { type Manifest } from "../../format/manifest/manifest.ts";
import {
  type ArchiveName,
  CATALOG_NAME,
  findArchive,
  type ArchiveFiles,
} from "../../format/snapshot/archive-name.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { type ArchivePlace, type OpenArchive, type SnapshotArchives } from "./snapshot-archive.ts";

/** One name as file browsers show it. */
export interface TreeEntry {
  readonly name: Uint8Array;
  readonly kind: CatalogEntry["kind"];
  readonly size?: number;
  readonly mtimeSec?: number;
}

/** Content of one file of an archive. */
export interface TreeFile {
  readonly source: ByteSource;
  readonly offset: number;
  readonly size: number;
}

/** Names of the archives with trees in a snapshot; a split archive counts once, by its metadata. */
export function treeArchives(manifest: Manifest): readonly ArchiveName[] {
  return manifest.files
    .map((file) => file.filename)
    .filter((name) => name.endsWith(".pxar.didx") || name.endsWith(".mpxar.didx"));
}

/**
 * Finds the archive with this name.
 *
 * @throws {ApiError} `API_NOT_FOUND`.
 */
export function requireArchive(manifest: Manifest, wanted: string): ArchiveFiles {
  const listed = new Set(manifest.files.map((file) => file.filename));
  const found = findArchive(listed, wanted);
  if (!found) throw new ApiError("API_NOT_FOUND", `no such archive '${wanted}'`);
  return found;
}

/**
 * Entries of a directory: from the catalogue if it covers the archive, which is one small read, else from the archive.
 *
 * @param path Components below the root of the archive.
 */
export async function listDirectory(
  archives: SnapshotArchives,
  place: ArchivePlace,
  manifest: Manifest,
  { main }: ArchiveFiles,
  path: readonly Uint8Array[],
): Promise<readonly TreeEntry[]> {
  const hasCatalog = manifest.files.some((file) => file.filename === CATALOG_NAME);
  if (hasCatalog && main.endsWith(".pxar.didx")) {
    const { resident } = await archives.open(place, CATALOG_NAME);
    const reader = new CatalogReader(resident);
    return await resident.run(() => {
      const directory = reader.find([new TextEncoder().encode(main), ...path]);
      if (directory?.kind !== "directory") throw notThere(path);
      return reader.readDirectory(directory.start).map(catalogEntry);
    });
  }
  const { resident } = await archives.open(place, main);
  const tree = new PxarTree(resident);
  return await resident.run(() => {
    const node = findNode(tree, path);
    if (node.kind !== "directory") throw notThere(path);
    return tree.children(node).map(treeEntry);
  });
}

/**
 * Content of a regular file, or of the file that a hard link names.
 *
 * @throws {ApiError} `API_REFUSED` for anything else, `API_NOT_FOUND`.
 */
export async function openTreeFile(
  archives: SnapshotArchives,
  place: ArchivePlace,
  { main, payload }: ArchiveFiles,
  path: readonly Uint8Array[],
): Promise<TreeFile> {
  const metadata = await archives.open(place, main);
  const tree = new PxarTree(metadata.resident);
  const file = await metadata.resident.run((): PxarFile => {
    const node = findNode(tree, path);
    if (node.kind === "hardlink") return tree.resolveHardLink(node);
    if (node.kind === "directory") {
      throw refused("this server does not pack directories: download the files in it one by one");
    }
    if (node.kind !== "file") throw refused(`cannot download a ${node.kind}`);
    return node;
  });
  if (file.payload.archive === "metadata") return contentOf(metadata, file);
  if (!payload) throw refused(`payload of '${main}' is missing`);
  const content = await archives.open(place, payload);
  const header = await content.bytes.readAt(file.payload.headerOffset, ITEM_HEADER_BYTES);
  checkPayloadHeader(header, file.size);
  return contentOf(content, file);
}

function contentOf({ bytes }: OpenArchive, file: PxarFile): TreeFile {
  return { source: bytes, offset: file.payload.offset, size: file.size };
}

function findNode(tree: PxarTree, path: readonly Uint8Array[]): PxarNode {
  let node: PxarNode = tree.root();
  for (const name of path) {
    const directory: PxarDirectory | undefined = node.kind === "directory" ? node : undefined;
    const found: PxarNode | undefined = directory && tree.lookup(directory, name);
    if (!found) throw notThere(path);
    node = found;
  }
  return node;
}

function notThere(path: readonly Uint8Array[]): ApiError {
  const text = path.map((name) => Buffer.from(name).toString("utf8")).join("/");
  return new ApiError("API_NOT_FOUND", `no such file or directory: '/${text}'`);
}

function catalogEntry(entry: CatalogEntry): TreeEntry {
  const { name, kind } = entry;
  if (entry.kind !== "file") return { name, kind };
  return { name, kind, size: entry.size, mtimeSec: Number(entry.mtimeSec) };
}

function treeEntry(node: PxarNode): TreeEntry {
  const { name, kind } = node;
  if (node.kind !== "file") return { name, kind };
  return { name, kind, size: node.size, mtimeSec: node.metadata.mtimeSec };
}
