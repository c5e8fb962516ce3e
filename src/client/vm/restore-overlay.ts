import { lstat } from "node:fs/promises";
import { join } from "node:path";

import { type Json } from "../../format/manifest/canonical-json.ts";
import { isJsonObject, parseJson } from "../../format/manifest/parse-json.ts";
import { checkOverlayOrigin, writeOverlayOrigin } from "./overlay-origin.ts";
import { runTool } from "./run-tool.ts";
import { type SnapshotImage } from "./snapshot-images.ts";
import { VmError } from "./vm-error.ts";

/** How long QEMU waits for the export when it is gone, before its guest gets errors. */
const RECONNECT_SEC = 300;

/** Longest identifier of a block node. */
const NODE_BYTES_MAX = 31;

/** A qcow2 file that has what a guest wrote, and as much of a backup as has been copied; the rest it reads over NBD. */
export interface RestoreOverlay {
  readonly image: SnapshotImage;
  readonly path: string;
  /** What the rest is called at the NBD server: it names the content, so that another snapshot is never taken for it. */
  readonly exportName: string;
  /** Name of the block node for the guest's device, for example `drive-scsi0`. */
  readonly node: string;
  /** Whether nothing is missing any more. */
  readonly isWhole: boolean;
  /** Whether it was there before. */
  readonly isFound: boolean;
}

/**
 * Makes the overlay of an image in a folder, or finds the one that an earlier restore has begun there.
 *
 * @param socket Path at which the NBD server will listen.
 * What a file that is there is of stands in another one beside it ({@link checkOverlayOrigin}).
 *
 * @throws {VmError} `VM_OVERLAY_OTHER` when a file is there that is something else, of another snapshot too, or may be; `VM_TOOL_MISSING`, `VM_TOOL_FAILED`.
 */
export async function prepareOverlay(
  image: SnapshotImage,
  {
    folder,
    socket,
    position,
  }: { readonly folder: string; readonly socket: string; readonly position: number },
): Promise<RestoreOverlay> {
  const name = image.archive.replace(/\.img\.fidx$/, "");
  const path = join(folder, `${name}.qcow2`);
  const exportName = `${name}-${image.csum}`;
  const isNode = /^[a-z][a-z0-9._-]*$/i.test(name) && overlayNodeOf(name).length <= NODE_BYTES_MAX;
  const node = isNode ? name : `disk${position}`;
  const backing = backingName({ socket, exportName });
  const isFound = await isThere(path);
  if (isFound) await checkOverlayOrigin(path, image);
  else {
    await writeOverlayOrigin(path, image);
    await createOverlay(path, { backing, size: image.size });
  }
  const found = await describeOverlay(path);
  const isWhole = found.backing === undefined;
  if (
    found.format !== "qcow2" ||
    found.size !== image.size ||
    !(isWhole || found.backing === backing)
  ) {
    throw new VmError("VM_OVERLAY_OTHER", `restore to "${path}"`);
  }
  return { image, path, exportName, node, isWhole, isFound };
}

/** Only what is surely not there may be made: making it would empty it. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return false;
    const detail = "whether a file is there cannot be found out";
    throw new VmError("VM_OVERLAY_OTHER", `restore to "${path}"`, { cause, detail });
  }
}

/** Node of the file itself; in front of it is a filter that keeps what it reads, see {@link overlayNodes}. */
export function overlayNodeOf(node: string): string {
  return `${node}-overlay`;
}

/** The block node of an overlay, in QEMU's words: a device uses it by its name. */
export function overlayNodes({ node, path, isWhole }: RestoreOverlay): Json {
  const file = { driver: "file", filename: path };
  const discard = "unmap";
  if (isWhole) return { driver: "qcow2", "node-name": node, discard, file };
  const overlay = { driver: "qcow2", "node-name": overlayNodeOf(node), discard, file };
  return { driver: "copy-on-read", "node-name": node, discard, file: overlay };
}

/** Copies what is missing while no guest uses the overlay, and makes it independent. */
export async function completeOverlay(
  { path }: RestoreOverlay,
  signal: AbortSignal,
): Promise<void> {
  const args = ["rebase", "-f", "qcow2", "-b", "", "--", path];
  await runTool("qemu-img", args, { action: `complete "${path}"`, inPackage: QEMU_IMG, signal });
}

const QEMU_IMG = "qemu-utils";

/** Where QEMU reads what is not in the overlay; it stands in the file. */
function backingName({ socket, exportName }: { socket: string; exportName: string }): string {
  const server = { type: "unix", path: socket };
  const file = { driver: "nbd", server, export: exportName, "reconnect-delay": RECONNECT_SEC };
  return `json:${JSON.stringify({ driver: "raw", file })}`;
}

async function createOverlay(
  path: string,
  { backing, size }: { readonly backing: string; readonly size: number },
): Promise<void> {
  const how = ["-q", "-u", "-f", "qcow2", "-F", "raw", "-b", backing];
  const args = ["create", ...how, "--", path, String(size)];
  await runTool("qemu-img", args, { action: `make "${path}"`, inPackage: QEMU_IMG });
}

/** May be asked while a guest uses it. */
async function describeOverlay(path: string): Promise<{
  readonly format: Json | undefined;
  readonly size: number;
  readonly backing: Json | undefined;
}> {
  const args = ["info", "--force-share", "--output=json", "--", path];
  const told = await runTool("qemu-img", args, { action: `use "${path}"`, inPackage: QEMU_IMG });
  const info = parseJson(told, "description of an image");
  if (!isJsonObject(info)) throw new VmError("VM_OVERLAY_OTHER", `use "${path}"`);
  const { format, "virtual-size": size, "backing-filename": backing } = info;
  return { format, size: Number(size), backing };
}
