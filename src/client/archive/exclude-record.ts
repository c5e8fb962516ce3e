import { NO_XATTRS, type PxarMetadata } from "../../format/pxar/metadata.ts";

/** File that records the command line's patterns at the end of the root of an unsplit archive (spec pxar.md §9.3). */
export const EXCLUDE_RECORD_NAME: Uint8Array = Buffer.from(".pxarexclude-cli");

/** Metadata of that file: it belongs to whoever made the backup, and has no time. */
export function excludeRecordMetadata(owner: {
  readonly uid: number;
  readonly gid: number;
}): PxarMetadata {
  return {
    mode: 0o100600,
    flags: 0,
    uid: owner.uid,
    gid: owner.gid,
    mtimeSec: 0,
    mtimeNanos: 0,
    xattrs: NO_XATTRS,
    acl: undefined,
    fcaps: undefined,
    quotaProjectId: undefined,
  };
}
