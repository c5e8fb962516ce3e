import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

import { ExtFiles } from "../../client/vm/ext-files.ts";
import { type FileTree, findEntry, type TreeEntry } from "../../client/vm/file-tree.ts";
import { FolderFiles } from "../../client/vm/folder-files.ts";
import { GuestfsMachine } from "../../client/vm/guestfs-machine.ts";
import {
  type Partition,
  type ReadDisk,
  readPartitions,
} from "../../format/disk/partition-table.ts";
import { archiveNameOf, shortArchiveName } from "../../format/snapshot/archive-name.ts";
import { CliError } from "../cli-error.ts";

/** An entry of a snapshot as `file-restore` names it, and the files that it is of, if it is one of them. */
export type SnapshotPlace =
  | { readonly kind: "entries"; readonly entries: readonly TreeEntry[] }
  | { readonly kind: "entry"; readonly tree: FileTree; readonly entry: TreeEntry };

/** Where file systems and the like have their magic numbers; from util-linux' libblkid. */
const magics = [
  { system: "ext", offset: 1024 + 56, bytes: "53ef" },
  { system: "LVM", offset: 512, bytes: "4c4142454c4f4e45" },
  { system: "LUKS", offset: 0, bytes: "4c554b53babe" },
] as const;

/** Logical volumes of an image are named by this word, as partitions are by `part`. */
const LVM_WORD = "lvm";

/**
 * Finds `/ARCHIVE/…`, `/IMAGE/part/NUMBER/…` or `/IMAGE/lvm/GROUP/VOLUME/…` in a mounted snapshot, and shows it to `use`.
 *
 * `/` has the archives. A file system on a whole disk is its partition 0. ext file systems are read with debugfs, others in a
 * small virtual machine, which ends afterwards.
 *
 * @param folder Where the snapshot is mounted.
 * @throws {CliError} `CLI_NOT_FOUND`; `CLI_USAGE` for what cannot be read; `VmError`.
 */
export async function withPlace<Result>(
  folder: string,
  { path, signal }: { readonly path: string; readonly signal: AbortSignal },
  use: (place: SnapshotPlace) => Promise<Result>,
): Promise<Result> {
  const [archive, ...rest] = path.split("/").filter((word) => word !== "");
  if (archive === undefined) return await use(entries(await listArchives(folder)));
  const name = shortArchiveName(archiveNameOf(archive));
  const images = (await readdir(folder)).filter((shown) => shown.endsWith(".img"));
  if (!name.endsWith(".img")) {
    if (!(await readdir(folder)).includes(name)) throw notFound(path);
    return await use(await placeIn(new FolderFiles(join(folder, name)), rest, path));
  }
  if (!images.includes(name)) throw notFound(path);
  const image = join(folder, name);
  const [word, ...inside] = rest;
  if (word === undefined) {
    const words = (await hasVolumes(image)) ? ["part", LVM_WORD] : ["part"];
    return await use(entries(words));
  }
  if (word === LVM_WORD) {
    // A group may lie on several disks.
    const all = [image, ...images.map((other) => join(folder, other))];
    return await withVolume([...new Set(all)], { inside, path, signal }, use);
  }
  if (word !== "part") throw notFound(path);
  return await withPartition(image, { inside, path, signal }, use);
}

interface Inside {
  /** Words behind `part` or `lvm`. */
  readonly inside: readonly string[];
  readonly path: string;
  readonly signal: AbortSignal;
}

async function withPartition<Result>(
  image: string,
  { inside: [number, ...names], path, signal }: Inside,
  use: (place: SnapshotPlace) => Promise<Result>,
): Promise<Result> {
  const partitions = await partitionsOf(image);
  if (number === undefined) return await use(entries(partitions.map((one) => String(one.number))));
  const partition = partitions.find((one) => String(one.number) === number);
  if (!partition) throw notFound(path);
  const system = await systemOf(image, partition);
  if (system === "ext") {
    return await use(await placeIn(new ExtFiles(image, partition.offset), names, path));
  }
  if (system !== undefined) {
    const hint = system === "LVM" ? `its volumes are below ${LVM_WORD}` : "it is encrypted";
    throw new CliError("CLI_USAGE", `Cannot read ${system} in "${path}": ${hint}`);
  }
  await using machine = await GuestfsMachine.start([image], signal);
  const device = partition.number === 0 ? "/dev/sda" : `/dev/sda${partition.number}`;
  const systems = await machine.fileSystems();
  // Volumes of btrfs are listed as btrfsvol:/dev/sda1/NAME.
  if (!systems.some((one) => one.device === device)) {
    throw new CliError("CLI_NOT_FOUND", `Cannot find a known file system in "${path}"`);
  }
  return await use(await placeIn(await machine.files(device), names, path));
}

async function withVolume<Result>(
  images: readonly string[],
  { inside: [group, volume, ...names], path, signal }: Inside,
  use: (place: SnapshotPlace) => Promise<Result>,
): Promise<Result> {
  await using machine = await GuestfsMachine.start(images, signal);
  const volumes = (await machine.fileSystems()).flatMap(({ device }) => {
    const [, inGroup, name] = /^\/dev\/([^/]+)\/([^/]+)$/.exec(device) ?? [];
    return inGroup === undefined || name === undefined ? [] : [{ device, inGroup, name }];
  });
  if (group === undefined) return await use(entries(volumes.map(({ inGroup }) => inGroup)));
  const ofGroup = volumes.filter(({ inGroup }) => inGroup === group);
  if (ofGroup.length === 0) throw notFound(path);
  if (volume === undefined) return await use(entries(ofGroup.map(({ name }) => name)));
  const found = ofGroup.find(({ name }) => name === volume);
  if (!found) throw notFound(path);
  return await use(await placeIn(await machine.files(found.device), names, path));
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

async function listArchives(folder: string): Promise<readonly string[]> {
  const shown = await readdir(folder);
  const archives = shown.filter((name) => name.endsWith(".pxar") || name.endsWith(".img"));
  return archives.map(archiveNameOf);
}

async function partitionsOf(image: string): Promise<readonly Partition[]> {
  return await reading(image, async (read, size) => {
    const found = await readPartitions(read);
    return found.length > 0 ? found : [{ number: 0, offset: 0, size }];
  });
}

async function hasVolumes(image: string): Promise<boolean> {
  for (const partition of await partitionsOf(image)) {
    if ((await systemOf(image, partition)) === "LVM") return true;
  }
  return false;
}

async function systemOf(
  image: string,
  { offset }: Partition,
): Promise<(typeof magics)[number]["system"] | undefined> {
  return await reading(image, async (read) => {
    for (const { system, offset: at, bytes } of magics) {
      const found = await read(offset + at, bytes.length / 2);
      if (Buffer.from(found).toString("hex") === bytes) return system;
    }
    return undefined;
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

function entries(names: readonly string[]): SnapshotPlace {
  const kind = "directory" as const;
  const all = [...new Set(names)].map((name) => ({ name, kind, size: 0, mode: 0o755 }));
  return { kind: "entries", entries: all };
}

function notFound(path: string): CliError {
  return new CliError("CLI_NOT_FOUND", `Cannot find "${path}" in the snapshot`);
}
