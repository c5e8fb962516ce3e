import { type CatalogEntry } from "../../format/catalog/catalog-entry.ts";
import { CatalogReader } from "../../format/catalog/catalog-reader.ts";
import { type PxarDirectory, type PxarFile, type PxarNode } from "../../format/pxar/node.ts";
import { PxarTree } from "../../format/pxar/tree-reader.ts";
import { type Manifest } from "../../format/manifest/manifest.ts";
import {
  type ArchiveName,
  CATALOG_NAME,
  findArchive,
  type ArchiveFiles,
} from "../../format/snapshot/archive-name.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { type ArchivePlace, type SnapshotArchives } from "./snapshot-archive.ts";
import { contentOf, type OpenTree, type TreeFile } from "./walk-folder.ts";

/** One name as file browsers show it. */
export interface TreeEntry {
  readonly name: Uint8Array;
  readonly kind: CatalogEntry["kind"];
  readonly size?: number;
  readonly mtimeSec?: number;
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

/** A file or a folder of an archive that someone wants to have. */
export type TreeContent =
  | { readonly kind: "file"; readonly file: TreeFile }
  | { readonly kind: "folder"; readonly open: OpenTree; readonly folder: PxarDirectory };

/**
 * Opens a folder, a regular file, or the file that a hard link names.
 *
 * @throws {ApiError} `API_REFUSED` for anything else, `API_NOT_FOUND`.
 */
export async function openTreeContent(
  archives: SnapshotArchives,
  place: ArchivePlace,
  files: ArchiveFiles,
  path: readonly Uint8Array[],
): Promise<TreeContent> {
  const metadata = await archives.open(place, files.main);
  const tree = new PxarTree(metadata.resident);
  const node = await metadata.resident.run((): PxarFile | PxarDirectory => {
    const found = findNode(tree, path);
    if (found.kind === "hardlink") return tree.resolveHardLink(found);
    if (found.kind === "file" || found.kind === "directory") return found;
    throw refused(`cannot download a ${found.kind}`);
  });
  const payload = files.payload ? await archives.open(place, files.payload) : undefined;
  const open = { tree, metadata, payload };
  if (node.kind === "directory") return { kind: "folder", open, folder: node };
  return { kind: "file", file: await contentOf(open, node) };
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
