import { access, mkdir, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { isJsonObject, parseJson } from "../../format/manifest/parse-json.ts";
import { runTool } from "../../client/vm/run-tool.ts";
import { objects, text } from "../../client/vm/vm-disks.ts";
import { unmountPath } from "../../fs/unmount-path.ts";
import { CliError } from "../cli-error.ts";

/** Where images are mounted while they are block devices; a file system of its own below for each. */
const MAP_FOLDER = "/run/amber/map";

/** An image that is a block device now. */
export interface MappedImage {
  /** Snapshot and image, for example `vm/100/2024-06-05T00:00:00Z/drive-scsi0.img`. */
  readonly name: string;
  /** For example `/dev/loop0`. */
  readonly device: string;
}

/** Where the snapshot of an image is mounted that is called so. */
export function mapPointOf(name: string): string {
  return join(MAP_FOLDER, encodeURIComponent(name));
}

/** Makes the folder for {@link mapPointOf}. */
export async function makeMapPoint(name: string): Promise<string> {
  const point = mapPointOf(name);
  await mkdir(point, { recursive: true, mode: 0o700 });
  return point;
}

/**
 * Makes a read-only block device of a mounted image.
 *
 * @param path The image below {@link mapPointOf}.
 * @returns The device.
 * @throws {CliError} `CLI_NOT_FOUND` when the snapshot has no such image; `VmError` `VM_TOOL_MISSING`, `VM_TOOL_FAILED`.
 */
export async function attachLoop(path: string): Promise<string> {
  try {
    await access(path);
  } catch (cause) {
    const message = `Cannot map "${basename(path)}": the snapshot has no such image`;
    throw new CliError("CLI_NOT_FOUND", message, { cause });
  }
  const args = ["--read-only", "--partscan", "--find", "--show", "--", path];
  return (await losetup(args, `map "${path}"`)).trim();
}

/** The images that are block devices now. */
export async function listMappedImages(): Promise<readonly MappedImage[]> {
  const listed = await losetup(["--list", "--json", "--output", "NAME,BACK-FILE"], "list mappings");
  if (listed.trim() === "") return [];
  const value = parseJson(listed, "list of loop devices");
  const devices = objects(isJsonObject(value) ? value["loopdevices"] : undefined);
  return devices.flatMap((device) => {
    const file = text(device["back-file"]);
    if (dirname(dirname(file)) !== MAP_FOLDER) return [];
    return [{ name: decodeURIComponent(basename(dirname(file))), device: text(device["name"]) }];
  });
}

/**
 * Frees a device and ends the mount behind it.
 *
 * @param wanted The name of the image, the device, or its number.
 * @throws {CliError} `CLI_NOT_FOUND`, `CLI_USAGE` while it is in use.
 */
export async function unmapImage(wanted: string): Promise<MappedImage> {
  const mapped = await listMappedImages();
  const found = mapped.find(
    ({ name, device }) => [name, device].includes(wanted) || device === `/dev/loop${wanted}`,
  );
  if (!found) throw new CliError("CLI_NOT_FOUND", `Cannot unmap "${wanted}": it is not mapped`);
  await losetup(["--detach", found.device], `unmap "${wanted}"`);
  await endMapMount(found.name);
  return found;
}

/** Ends the mount behind an image, and removes its folder. */
export async function endMapMount(name: string): Promise<void> {
  const point = mapPointOf(name);
  try {
    await unmountPath(point, "plain");
  } catch (cause) {
    // The kernel keeps a device that is mounted until it is not, and with it the file behind.
    const hint = "a file system on the device is still mounted";
    throw new CliError("CLI_USAGE", `Cannot unmap "${name}": ${hint}`, { cause });
  }
  await rmdir(point);
}

async function losetup(args: readonly string[], action: string): Promise<string> {
  return await runTool("losetup", args, { action, inPackage: "mount" });
}
