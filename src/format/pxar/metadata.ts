/** One extended attribute. */
export interface PxarXattr {
  /** Full name with its name space, for example `user.comment`, without NUL; 1 to 255 bytes. */
  readonly name: Uint8Array;
  /** Any bytes, may be empty. */
  readonly value: Uint8Array;
}

/** A named user or group in an access control list, with its permission bits (r=4, w=2, x=1). */
export interface PxarAclEntry {
  readonly id: number;
  readonly permissions: number;
}

/** Base entries of a default ACL as permission bits; `undefined` where the list has no such entry. */
export interface PxarAclDefault {
  readonly userObject: number | undefined;
  readonly groupObject: number | undefined;
  readonly other: number | undefined;
  readonly mask: number | undefined;
}

/**
 * Access and default ACL as an archive stores them (spec pxar.md §3.7, §8.3).
 *
 * What `st_mode` says already is not repeated: owner and others always come from the mode, the owning group too
 * unless {@link PxarAcl.groupObject} is there (then the mode's group bits are the mask).
 */
export interface PxarAcl {
  readonly users: readonly PxarAclEntry[];
  readonly groups: readonly PxarAclEntry[];
  readonly groupObject: number | undefined;
  readonly defaults: PxarAclDefault | undefined;
  readonly defaultUsers: readonly PxarAclEntry[];
  readonly defaultGroups: readonly PxarAclEntry[];
}

/**
 * Everything an archive says about an entry besides its name and content (spec pxar.md §3.1, §3.6–§3.9).
 *
 * Every field is always there, so that all metadata objects have one shape; `undefined` means that the archive has no
 * such item. Immutable.
 */
export interface PxarMetadata {
  /** `st_mode` with the file type bits. */
  readonly mode: number;
  /** Inode and FAT attributes in the archive's own bits (spec pxar.md §8.1); a safe integer. */
  readonly flags: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds, floor: negative before 1970. */
  readonly mtimeSec: number;
  /** 0 to 999,999,999, added to {@link mtimeSec}. */
  readonly mtimeNanos: number;
  /** In archive order; {@link NO_XATTRS} when there are none. */
  readonly xattrs: readonly PxarXattr[];
  readonly acl: PxarAcl | undefined;
  /** Raw value of `security.capability`. */
  readonly fcaps: Uint8Array | undefined;
  readonly quotaProjectId: bigint | undefined;
}

/** The shared empty list for the many entries without extended attributes. */
export const NO_XATTRS: readonly PxarXattr[] = Object.freeze([]);

/** The shared empty list for ACLs without named users or groups. */
export const NO_ACL_ENTRIES: readonly PxarAclEntry[] = Object.freeze([]);

/**
 * Compares two metadata for change detection: `true` only when an archive would store the same bytes for both.
 *
 * Stricter than the official client, which compares extended attributes by name only (spec
 * metadata-change-detection.md §3), so a changed value alone counts as a change.
 */
export function samePxarMetadata(a: PxarMetadata, b: PxarMetadata): boolean {
  return (
    a.mtimeSec === b.mtimeSec &&
    a.mtimeNanos === b.mtimeNanos &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.flags === b.flags &&
    a.quotaProjectId === b.quotaProjectId &&
    sameXattrs(a.xattrs, b.xattrs) &&
    sameOptionalBytes(a.fcaps, b.fcaps) &&
    sameAcl(a.acl, b.acl)
  );
}

/** Compares two byte strings. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sameOptionalBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return sameBytes(a, b);
}

function sameXattrs(a: readonly PxarXattr[], b: readonly PxarXattr[]): boolean {
  if (a === b) return true;
  return (
    a.length === b.length &&
    a.every((left, i) => {
      const right = b[i];
      return (
        right !== undefined &&
        sameBytes(left.name, right.name) &&
        sameBytes(left.value, right.value)
      );
    })
  );
}

function sameAcl(a: PxarAcl | undefined, b: PxarAcl | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.groupObject === b.groupObject &&
    sameAclEntries(a.users, b.users) &&
    sameAclEntries(a.groups, b.groups) &&
    sameAclDefault(a.defaults, b.defaults) &&
    sameAclEntries(a.defaultUsers, b.defaultUsers) &&
    sameAclEntries(a.defaultGroups, b.defaultGroups)
  );
}

function sameAclDefault(a: PxarAclDefault | undefined, b: PxarAclDefault | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.userObject === b.userObject &&
    a.groupObject === b.groupObject &&
    a.other === b.other &&
    a.mask === b.mask
  );
}

function sameAclEntries(a: readonly PxarAclEntry[], b: readonly PxarAclEntry[]): boolean {
  return (
    a.length === b.length &&
    a.every((left, i) => left.id === b[i]?.id && left.permissions === b[i].permissions)
  );
}
