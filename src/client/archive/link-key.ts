import { type FileStatus } from "../../linux/file-status.ts";

/** Identity of an inode among all of the tree, for the few that have several names. */
export function linkKeyOf(status: Pick<FileStatus, "device" | "inode">): string {
  return `${status.device}:${status.inode.toString(36)}`;
}
