import { type Json, type JsonObject } from "../../format/manifest/canonical-json.ts";
import { isJsonObject } from "../../format/manifest/parse-json.ts";
import { type QmpClient } from "./qmp-client.ts";

/** A dirty bitmap of a disk. */
export interface VmBitmap {
  readonly name: string;
  /** Whether writes are noted in it now. */
  readonly isRecording: boolean;
  /** Whether QEMU was killed before it could be stored: then it is good for nothing. */
  readonly isInconsistent: boolean;
}

/** A disk of a guest, as QEMU has it now. */
export interface VmDisk {
  /** Name of its archive without ending, for example `drive-scsi0`. */
  readonly name: string;
  /** Name of the block node that the guest's device uses. */
  readonly node: string;
  /** QOM path of the device, whose property `drive` is the node. */
  readonly device: string;
  /** Bytes. */
  readonly size: number;
  /** Whether the guest may write to it. */
  readonly isWritable: boolean;
  /** Whether bitmaps can be stored in its image, and so outlive QEMU. */
  readonly keepsBitmaps: boolean;
  readonly bitmaps: readonly VmBitmap[];
}

/** A drive that is not backed up, and why. */
export interface SkippedDrive {
  readonly name: string;
  readonly reason: string;
  /** Whether what is in it is missing from the snapshot although nobody wanted that. */
  readonly isMissed: boolean;
}

/** What a guest has. */
export interface VmDrives {
  readonly disks: readonly VmDisk[];
  readonly skipped: readonly SkippedDrive[];
}

/**
 * Asks QEMU which disks the guest has; removable drives are not among them.
 *
 * Archives are named as PVE does: `drive-` and the name of the drive, or else of the device (spec backup-protocol.md §7).
 */
export async function listVmDrives(
  qmp: QmpClient,
  excluded: ReadonlySet<string> = new Set(),
): Promise<VmDrives> {
  const drives = objects(await qmp.execute("query-block"));
  const nodes = objects(await qmp.execute("query-named-block-nodes", { flat: true }));
  const disks: VmDisk[] = [];
  const skipped: SkippedDrive[] = [];
  for (const drive of drives) {
    const { inserted } = drive;
    const name = archiveBaseName(drive);
    const skip = (reason: string, isMissed: boolean): void => {
      skipped.push({ name, reason, isMissed });
    };
    if (!isJsonObject(inserted)) continue; // An empty drive.
    const qdev = text(drive["qdev"]);
    const node = text(inserted["node-name"]);
    const isExcluded = [name, name.slice("drive-".length), node].some((id) => excluded.has(id));
    if (isExcluded) skip("it was excluded", false);
    else if (drive["removable"] === true) skip("it is removable", false);
    else if (qdev === "") skip("it belongs to no device whose drive can be exchanged", true);
    else {
      const info = nodes.find((one) => one["node-name"] === node) ?? inserted;
      disks.push({ name, node, device: devicePath(qdev), ...describeNode(info) });
    }
  }
  return { disks: disks.map((disk) => unambiguous(disk, disks)), skipped };
}

/** Two names may become the same when odd characters are replaced. */
function unambiguous(disk: VmDisk, all: readonly VmDisk[]): VmDisk {
  const same = all.filter(({ name }) => name === disk.name);
  const number = same.indexOf(disk);
  return number <= 0 ? disk : { ...disk, name: `${disk.name}-${number}` };
}

function describeNode(
  info: JsonObject,
): Pick<VmDisk, "size" | "isWritable" | "keepsBitmaps" | "bitmaps"> {
  const image = isJsonObject(info["image"]) ? info["image"] : {};
  const specific = isJsonObject(image["format-specific"]) ? image["format-specific"] : {};
  const data = isJsonObject(specific["data"]) ? specific["data"] : {};
  const isWritable = info["ro"] !== true;
  return {
    size: Number(image["virtual-size"]),
    isWritable,
    // Images of version 2, "0.10", have no place for them (spec sources-feasibility.md §1.6).
    keepsBitmaps: isWritable && info["drv"] === "qcow2" && data["compat"] !== "0.10",
    bitmaps: objects(info["dirty-bitmaps"]).map((bitmap) => ({
      name: text(bitmap["name"]),
      isRecording: bitmap["recording"] === true,
      isInconsistent: bitmap["inconsistent"] === true,
    })),
  };
}

/** QOM path of what QEMU calls a drive's device: an absolute path, or the id of a device. */
export function devicePath(qdev: string): string {
  return qdev.startsWith("/") ? qdev : `/machine/peripheral/${qdev}`;
}

function archiveBaseName(drive: JsonObject): string {
  const device = text(drive["device"]);
  const parts = text(drive["qdev"]).split("/");
  const last = parts.at(-1) === "virtio-backend" ? parts.at(-2) : parts.at(-1);
  const inserted = isJsonObject(drive["inserted"]) ? drive["inserted"] : {};
  const own = [device, last ?? "", text(inserted["node-name"])].find((one) => one !== "");
  const plain = (own ?? "disk").replaceAll(/[^a-zA-Z0-9_-]/g, "_");
  return plain.startsWith("drive-") ? plain : `drive-${plain}`;
}

/** The objects of a list, for answers whose shape QEMU's schema promises. */
export function objects(value: Json | undefined): readonly JsonObject[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item: Json): item is JsonObject => isJsonObject(item));
}

/** A text, or an empty one for anything else. */
export function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
