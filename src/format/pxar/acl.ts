import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { FormatError } from "../format-error.ts";
import { NO_ACL_ENTRIES, type PxarAcl, type PxarAclEntry } from "./metadata.ts";

/** Version of the binary form of POSIX ACLs in extended attributes (linux/posix_acl_xattr.h). */
const XATTR_VERSION = 2;

/** Tags of the entries of a POSIX ACL (linux/posix_acl.h). */
const tags = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 0x10, OTHER: 0x20 } as const;

/** Id of entries that are not about a named user or group. */
const NO_ID = 0xffff_ffff;

/** Raw values of the two extended attributes in which Linux keeps POSIX ACLs. */
export interface PosixAclXattrs {
  /** Value of `system.posix_acl_access`. */
  readonly access?: Uint8Array | undefined;
  /** Value of `system.posix_acl_default`; directories only. */
  readonly defaults?: Uint8Array | undefined;
}

/**
 * Turns the kernel's ACLs of one file into what an archive stores (spec pxar.md §8.3).
 *
 * @returns `undefined` when the mode says it all.
 * @throws {FormatError} When a value is not a POSIX ACL of version 2.
 */
export function aclFromXattrs({ access, defaults }: PosixAclXattrs): PxarAcl | undefined {
  const own = access === undefined ? EMPTY : parseList(access);
  const inherited = defaults === undefined ? EMPTY : parseList(defaults);
  const { userObject, groupObject, other, mask } = inherited;
  const hasBase = (userObject ?? groupObject ?? other ?? mask) !== undefined;
  const acl: PxarAcl = {
    users: own.users,
    groups: own.groups,
    groupObject: own.mask === undefined ? undefined : own.groupObject,
    defaults: hasBase ? { userObject, groupObject, other, mask } : undefined,
    defaultUsers: inherited.users,
    defaultGroups: inherited.groups,
  };
  const isEmpty =
    acl.groupObject === undefined &&
    acl.defaults === undefined &&
    acl.users.length + acl.groups.length === 0 &&
    acl.defaultUsers.length + acl.defaultGroups.length === 0;
  return isEmpty ? undefined : acl;
}

/**
 * The value of `system.posix_acl_access` that restores an entry's access ACL (spec pxar.md §8.3).
 *
 * @param mode The entry's mode, which carries what the ACL items do not repeat.
 * @returns `undefined` when the entry has none.
 */
export function accessAclXattr(acl: PxarAcl, mode: number): Uint8Array | undefined {
  const hasNamed = acl.users.length + acl.groups.length > 0;
  if (acl.groupObject === undefined && !hasNamed) return undefined;
  const groupBits = (mode >> 3) & 7;
  return renderList({
    userObject: (mode >> 6) & 7,
    users: acl.users,
    groupObject: acl.groupObject ?? groupBits,
    groups: acl.groups,
    mask: groupBits, // The kernel demands a mask where there are named entries.
    other: mode & 7,
  });
}

/** The value of `system.posix_acl_default` that restores a directory's default ACL; `undefined` when it has none. */
export function defaultAclXattr(acl: PxarAcl): Uint8Array | undefined {
  if (acl.defaults === undefined && acl.defaultUsers.length + acl.defaultGroups.length === 0) {
    return undefined;
  }
  return renderList({
    userObject: acl.defaults?.userObject,
    users: acl.defaultUsers,
    groupObject: acl.defaults?.groupObject,
    groups: acl.defaultGroups,
    mask: acl.defaults?.mask,
    other: acl.defaults?.other,
  });
}

interface AclList {
  readonly userObject: number | undefined;
  readonly users: readonly PxarAclEntry[];
  readonly groupObject: number | undefined;
  readonly groups: readonly PxarAclEntry[];
  readonly mask: number | undefined;
  readonly other: number | undefined;
}

const EMPTY: AclList = {
  userObject: undefined,
  users: NO_ACL_ENTRIES,
  groupObject: undefined,
  groups: NO_ACL_ENTRIES,
  mask: undefined,
  other: undefined,
};

function parseList(value: Uint8Array): AclList {
  const reader = new ByteReader(value, "POSIX ACL");
  const version = reader.readU32();
  if (version !== XATTR_VERSION) {
    throw new FormatError("FORMAT_UNSUPPORTED", "POSIX ACL", `version ${version}`);
  }
  const base = new Map<number, number>();
  const users: PxarAclEntry[] = [];
  const groups: PxarAclEntry[] = [];
  while (reader.remaining > 0) {
    const tagAndPermissions = reader.readU32();
    const tag = tagAndPermissions & 0xffff;
    const permissions = tagAndPermissions >>> 16;
    const id = reader.readU32();
    if (permissions > 7) throw new FormatError("FORMAT_OUT_OF_RANGE", "POSIX ACL", "permissions");
    switch (tag) {
      case tags.USER:
        users.push({ id, permissions });
        break;
      case tags.GROUP:
        groups.push({ id, permissions });
        break;
      case tags.USER_OBJ:
      case tags.GROUP_OBJ:
      case tags.MASK:
      case tags.OTHER:
        base.set(tag, permissions);
        break;
      default:
        throw new FormatError("FORMAT_INVALID", "POSIX ACL", `an entry with tag ${tag}`);
    }
  }
  return {
    userObject: base.get(tags.USER_OBJ),
    users: users.sort(byIdAndPermissions),
    groupObject: base.get(tags.GROUP_OBJ),
    groups: groups.sort(byIdAndPermissions),
    mask: base.get(tags.MASK),
    other: base.get(tags.OTHER),
  };
}

function renderList(list: AclList): Uint8Array {
  const writer = new ByteWriter(4 + 8 * (4 + list.users.length + list.groups.length));
  const put = (tag: number, permissions: number | undefined, id = NO_ID): void => {
    if (permissions === undefined) return;
    writer.writeU32(tag | (permissions << 16));
    writer.writeU32(id);
  };
  writer.writeU32(XATTR_VERSION);
  put(tags.USER_OBJ, list.userObject);
  for (const { id, permissions } of list.users) put(tags.USER, permissions, id);
  put(tags.GROUP_OBJ, list.groupObject);
  for (const { id, permissions } of list.groups) put(tags.GROUP, permissions, id);
  put(tags.MASK, list.mask);
  put(tags.OTHER, list.other);
  return writer.take();
}

function byIdAndPermissions(a: PxarAclEntry, b: PxarAclEntry): number {
  return a.id - b.id || a.permissions - b.permissions;
}
