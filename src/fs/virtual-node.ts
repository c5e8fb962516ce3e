import { filenameHash } from "../format/pxar/filename-hash.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { type GroupKey, groupPath, type SnapshotKey, snapshotPath } from "./fs-need.ts";
import { type ShownFile } from "./shown-file.ts";

/** Something that is shown but lies in no archive: the directories above archives, and files beside them. */
export type VirtualNode =
  | { readonly kind: "namespace"; readonly namespace: string }
  /** The directory `ns` in which the namespaces below one are. */
  | { readonly kind: "namespaces"; readonly namespace: string }
  | { readonly kind: "type"; readonly namespace: string; readonly type: string }
  | {
      readonly kind: "group";
      readonly group: GroupKey;
      /** Seconds since the epoch of its newest snapshot, if known. */
      readonly lastTimeSec: number;
    }
  /** The link to the newest finished snapshot. */
  | { readonly kind: "latest"; readonly group: GroupKey; readonly timeSec: number }
  | { readonly kind: "snapshot"; readonly snapshot: SnapshotKey }
  | {
      readonly kind: "file";
      readonly snapshot: SnapshotKey;
      readonly file: Exclude<ShownFile, { readonly kind: "archive" }>;
    };

/** Inode numbers from here on are those of virtual nodes, below are those of archives. */
export const VIRTUAL_INODE_MIN: number = 2 ** 52;

/**
 * Inode number of a virtual node: from its path, so that it is the same in every mount.
 *
 * Two nodes of one number are possible and of no consequence but a confused `find -samefile`: with a million nodes the
 * odds are one in ten thousand. A link's number depends on where it points, because the kernel keeps targets by number.
 */
export function virtualInode(node: VirtualNode): number {
  return VIRTUAL_INODE_MIN + hash52(virtualPath(node));
}

/** A number below 2^52 that depends on every byte of a text. */
export function hash52(text: string): number {
  const hash = new Uint32Array(2);
  filenameHash(new TextEncoder().encode(text), hash);
  return ((hash[1] ?? 0) & 0xf_ffff) * 0x1_0000_0000 + (hash[0] ?? 0);
}

function virtualPath(node: VirtualNode): string {
  switch (node.kind) {
    case "namespace":
      return `namespace ${node.namespace}`;
    case "namespaces":
      return `namespaces ${node.namespace}`;
    case "type":
      return `type ${node.type} ${node.namespace}`;
    case "group":
      return `group ${groupPath(node.group)}`;
    case "latest":
      return `latest ${groupPath(node.group)} ${timeText(node.timeSec)}`;
    case "snapshot":
      return `snapshot ${snapshotPath(node.snapshot)}`;
    case "file":
      return `file ${snapshotPath(node.snapshot)}/${node.file.name}`;
  }
}
