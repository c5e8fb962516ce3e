import { mkdtemp, open, readdir, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ExtFiles } from "../../client/vm/ext-files.ts";
import { type FileTree, findEntry, type TreeEntry } from "../../client/vm/file-tree.ts";
import { FolderFiles } from "../../client/vm/folder-files.ts";
import {
  type Partition,
  type ReadDisk,
  readPartitions,
} from "../../format/disk/partition-table.ts";
import { archiveNameOf, shortArchiveName } from "../../format/snapshot/archive-name.ts";
import { CliError } from "../cli-error.ts";
import { type MountCommandOptions } from "../mount-options.ts";
import { runMountHere } from "../run-mount-here.ts";

/** An entry of a snapshot as `file-restore` names it, and the files that it is of, if it is one of them. */
export type SnapshotPlace =
  | { readonly kind: "entries"; readonly entries: readonly TreeEntry[] }
  | { readonly kind: "entry"; readonly tree: FileTree; readonly entry: TreeEntry };

/** Where an ext file system has its magic number, and what it is. */
const EXT_MAGIC = { offset: 1024 + 56, bytes: "53ef" };

/** File systems that are known by name only; from util-linux' libblkid. */
const otherSystems = [
  { name: "xfs", offset: 0, bytes: "58465342" },
  { name: "btrfs", offset: 0x10040, bytes: "5f42485266535f4d" },
  { name: "ntfs", offset: 3, bytes: "4e54465320202020" },
  { name: "FAT", offset: 54, bytes: "464154" },
  { name: "FAT", offset: 82, bytes: "464154" },
  { name: "LVM", offset: 512, bytes: "4c4142454c4f4e45" },
  { name: "LUKS", offset: 0, bytes: "4c554b53babe" },
] as const;

/** Mounts a snapshot for as long as `use` runs. */
export async function withSnapshotFolder<Result>(
  snapshot: string,
  { options, signal }: { readonly options: MountCommandOptions; readonly signal: AbortSignal },
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const mountPoint = await mkdtemp(join(tmpdir(), "amber-files-"));
  const text = snapshot.split("/").length === 2 ? `${snapshot}/latest` : snapshot;
  const done = new AbortController();
  try {
    let running: Promise<void> | undefined;
    await new Promise<void>((resolve, reject) => {
      running = runMountHere({
        subject: { text },
        mountPoint,
        options,
        signal: AbortSignal.any([signal, done.signal]),
        onShown: resolve,
      });
      running.catch(reject);
    });
    try {
      return await use(mountPoint);
    } finally {
      done.abort();
      await running;
    }
  } finally {
    await rmdir(mountPoint);
  }
}

/**
 * Finds `/ARCHIVE/…` or `/IMAGE/part/NUMBER/…` in a mounted snapshot; `/` has the archives, and `/IMAGE/part` the partitions.
 *
 * A file system on a whole disk is its partition 0.
 *
 * @throws {CliError} `CLI_NOT_FOUND`; `CLI_USAGE` for a file system that cannot be read here.
 */
export async function findPlace(folder: string, path: string): Promise<SnapshotPlace> {
  const [archive, ...rest] = path.split("/").filter((word) => word !== "");
  if (archive === undefined) return { kind: "entries", entries: await listArchives(folder) };
  const name = shortArchiveName(archiveNameOf(archive));
  const shown = await readdir(folder);
  if (!shown.includes(name)) throw notFound(path);
  if (!name.endsWith(".img")) return await placeIn(new FolderFiles(join(folder, name)), rest, path);
  const [word, number, ...inside] = rest;
  if (word === undefined) return { kind: "entries", entries: [folderNamed("part")] };
  if (word !== "part") throw notFound(path);
  const image = join(folder, name);
  const partitions = await partitionsOf(image);
  if (number === undefined) {
    const names = partitions.map((one) => folderNamed(String(one.number)));
    return { kind: "entries", entries: names };
  }
  const partition = partitions.find((one) => String(one.number) === number);
  if (!partition) throw notFound(path);
  await checkFileSystem(image, partition, path);
  return await placeIn(new ExtFiles(image, partition.offset), inside, path);
}

async function placeIn(
  tree: FileTree,
  names: readonly string[],
  path: string,
): Promise<SnapshotPlace> {
  const entry = await findEntry(tree, names);
  if (!entry) throw notFound(path);
  return { kind: "entry", tree, entry };
}

async function listArchives(folder: string): Promise<readonly TreeEntry[]> {
  const shown = await readdir(folder);
  const archives = shown.filter((name) => name.endsWith(".pxar") || name.endsWith(".img"));
  return archives.map((name) => folderNamed(archiveNameOf(name)));
}

async function partitionsOf(image: string): Promise<readonly Partition[]> {
  return await reading(image, async (read, size) => {
    const found = await readPartitions(read);
    return found.length > 0 ? found : [{ number: 0, offset: 0, size }];
  });
}

async function checkFileSystem(image: string, { offset }: Partition, path: string): Promise<void> {
  await reading(image, async (read) => {
    const has = async (magic: {
      readonly offset: number;
      readonly bytes: string;
    }): Promise<boolean> => {
      const found = await read(offset + magic.offset, magic.bytes.length / 2);
      return Buffer.from(found).toString("hex") === magic.bytes;
    };
    if (await has(EXT_MAGIC)) return;
    for (const other of otherSystems) {
      if (!(await has(other))) continue;
      const hint = "map the image (amber map) and mount it as root, or use guestfish on a mount";
      throw new CliError("CLI_USAGE", `Cannot read ${other.name} in "${path}" here: ${hint}`);
    }
    throw new CliError("CLI_NOT_FOUND", `Cannot find a known file system in "${path}"`);
  });
}

async function reading<Result>(
  image: string,
  use: (read: ReadDisk, size: number) => Promise<Result>,
): Promise<Result> {
  const file = await open(image, "r");
  try {
    const read: ReadDisk = async (offset, size) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, offset);
      return buffer.subarray(0, bytesRead);
    };
    return await use(read, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

function folderNamed(name: string): TreeEntry {
  return { name, kind: "directory", size: 0, mode: 0o755 };
}

function notFound(path: string): CliError {
  return new CliError("CLI_NOT_FOUND", `Cannot find "${path}" in the snapshot`);
}
