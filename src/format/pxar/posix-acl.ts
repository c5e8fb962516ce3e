import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { FormatError } from "../format-error.ts";
import { NO_ACL_ENTRIES, type PxarAcl, type PxarAclEntry } from "./metadata.ts";

/** Attribute that holds the access ACL of an inode (acl(5)). */
export const ACCESS_ACL_ATTRIBUTE = "system.posix_acl_access";

/** Attribute that holds the default ACL of a directory (acl(5)). */
export const DEFAULT_ACL_ATTRIBUTE = "system.posix_acl_default";

/** Kernel values of the two ACL attributes of an inode; `undefined` where it has none. */
export interface PosixAclValues {
  readonly access: Uint8Array | undefined;
  readonly defaults: Uint8Array | undefined;
}

const ACL_VERSION = 2;
const NO_ID = 0xffff_ffff;
const TAG = { userObject: 1, user: 2, groupObject: 4, group: 8, mask: 16, other: 32 } as const;

interface ParsedAcl {
  readonly users: readonly PxarAclEntry[];
  readonly groups: readonly PxarAclEntry[];
  readonly userObject: number | undefined;
  readonly groupObject: number | undefined;
  readonly mask: number | undefined;
  readonly other: number | undefined;
}

const ABSENT: ParsedAcl = {
  users: NO_ACL_ENTRIES,
  groups: NO_ACL_ENTRIES,
  userObject: undefined,
  groupObject: undefined,
  mask: undefined,
  other: undefined,
};

/**
 * Turns the kernel's ACL attributes into what an archive stores (spec pxar.md §8.3).
 *
 * @param values Borrowed.
 * @returns `undefined` when the archive stores nothing: `st_mode` says it all.
 * @throws {FormatError} When a value is not an ACL of version 2 (linux/posix_acl_xattr.h).
 */
export function pxarAclOf(values: PosixAclValues): PxarAcl | undefined {
  const access = values.access === undefined ? ABSENT : parseAcl(values.access);
  const defaults = values.defaults === undefined ? ABSENT : parseAcl(values.defaults);
  // With a mask the mode's group bits show the mask, so the owning group's own permissions need a place.
  const groupObject = access.mask === undefined ? undefined : access.groupObject;
  const hasDefaults =
    defaults.userObject !== undefined ||
    defaults.groupObject !== undefined ||
    defaults.other !== undefined ||
    defaults.mask !== undefined;
  const isEmpty =
    groupObject === undefined &&
    !hasDefaults &&
    access.users.length + access.groups.length === 0 &&
    defaults.users.length + defaults.groups.length === 0;
  if (isEmpty) return undefined;
  return {
    users: access.users,
    groups: access.groups,
    groupObject,
    defaults: hasDefaults
      ? {
          userObject: defaults.userObject,
          groupObject: defaults.groupObject,
          other: defaults.other,
          mask: defaults.mask,
        }
      : undefined,
    defaultUsers: defaults.users,
    defaultGroups: defaults.groups,
  };
}

/**
 * The inverse of {@link pxarAclOf}: values to set on an inode with this `st_mode` (spec pxar.md §8.3).
 *
 * @returns Owned values.
 */
export function posixAclValuesOf(acl: PxarAcl, mode: number): PosixAclValues {
  const hasAccess = acl.users.length > 0 || acl.groups.length > 0 || acl.groupObject !== undefined;
  const groupBits = (mode >> 3) & 7;
  const hasDefaults =
    acl.defaults !== undefined || acl.defaultUsers.length > 0 || acl.defaultGroups.length > 0;
  return {
    access: hasAccess
      ? encodeAcl({
          users: acl.users,
          groups: acl.groups,
          userObject: (mode >> 6) & 7,
          groupObject: acl.groupObject ?? groupBits,
          // The kernel wants a mask as soon as there are named entries, whatever an archive says.
          mask: groupBits,
          other: mode & 7,
        })
      : undefined,
    defaults: hasDefaults
      ? encodeAcl({
          users: acl.defaultUsers,
          groups: acl.defaultGroups,
          userObject: acl.defaults?.userObject ?? 7,
          groupObject: acl.defaults?.groupObject ?? 0,
          mask:
            acl.defaults?.mask ??
            (acl.defaultUsers.length + acl.defaultGroups.length > 0 ? 7 : undefined),
          other: acl.defaults?.other ?? 0,
        })
      : undefined,
  };
}

function parseAcl(value: Uint8Array): ParsedAcl {
  const reader = new ByteReader(value, "POSIX ACL");
  if (reader.readU32() !== ACL_VERSION) throw new FormatError("FORMAT_UNSUPPORTED", "POSIX ACL");
  const users: PxarAclEntry[] = [];
  const groups: PxarAclEntry[] = [];
  const base = new Map<number, number>();
  while (reader.remaining > 0) {
    const tagAndPermissions = reader.readU32();
    const id = reader.readU32();
    const tag = tagAndPermissions & 0xffff;
    const permissions = (tagAndPermissions >>> 16) & 7;
    if (tag === TAG.user) users.push({ id, permissions });
    else if (tag === TAG.group) groups.push({ id, permissions });
    else base.set(tag, permissions);
  }
  return {
    users: users.sort(byId),
    groups: groups.sort(byId),
    userObject: base.get(TAG.userObject),
    groupObject: base.get(TAG.groupObject),
    mask: base.get(TAG.mask),
    other: base.get(TAG.other),
  };
}

function encodeAcl(acl: ParsedAcl): Uint8Array {
  const writer = new ByteWriter();
  const add = (tag: number, permissions: number | undefined, id = NO_ID): void => {
    if (permissions === undefined) return;
    writer.writeU32(tag | (permissions << 16));
    writer.writeU32(id);
  };
  writer.writeU32(ACL_VERSION);
  add(TAG.userObject, acl.userObject);
  for (const { id, permissions } of [...acl.users].sort(byId)) add(TAG.user, permissions, id);
  add(TAG.groupObject, acl.groupObject);
  for (const { id, permissions } of [...acl.groups].sort(byId)) add(TAG.group, permissions, id);
  add(TAG.mask, acl.mask);
  add(TAG.other, acl.other);
  return writer.take();
}

function byId(a: PxarAclEntry, b: PxarAclEntry): number {
  return a.id - b.id || a.permissions - b.permissions;
}
