import { FormatError } from "../format-error.ts";
import { type ArchiveWindow } from "./archive-window.ts";
import { ITEM_HEADER_BYTES, pxarItems } from "./item.ts";
import {
  NO_ACL_ENTRIES,
  NO_XATTRS,
  type PxarAclDefault,
  type PxarAclEntry,
  type PxarMetadata,
  type PxarXattr,
} from "./metadata.ts";

/**
 * Decodes an ENTRY (or the old ENTRY_V1) at `offset` and the attribute items behind it, in any order
 * (spec pxar.md §2, §3).
 *
 * @returns The metadata, and the offset of the first item that is not an attribute (or the window's limit).
 * @throws {FormatError} For a wrong item, a size that does not fit its type, or a second one of an item that may be
 *   there once.
 */
export function parseMetadata(
  window: ArchiveWindow,
  offset: number,
): { readonly metadata: PxarMetadata; readonly end: number } {
  const isCurrent = window.isType(offset, pxarItems.ENTRY);
  if (!isCurrent && !window.isType(offset, pxarItems.ENTRY_V1)) {
    throw new FormatError("FORMAT_INVALID", "pxar archive", `no ENTRY item at offset ${offset}`);
  }
  let at = window.itemEnd(offset, isCurrent ? pxarItems.ENTRY : pxarItems.ENTRY_V1);
  const content = offset + ITEM_HEADER_BYTES;
  const mode = window.size(content);
  const flags = window.size(content + 8);
  const uid = window.u32(content + 16);
  const gid = window.u32(content + 20);
  let mtimeSec: number;
  let mtimeNanos: number;
  if (isCurrent) {
    mtimeSec = window.seconds(content + 24);
    mtimeNanos = window.u32(content + 32);
  } else {
    const mtimeNs = window.u64(content + 24);
    mtimeSec = Number(mtimeNs / 1_000_000_000n);
    mtimeNanos = Number(mtimeNs % 1_000_000_000n);
  }
  if (mode > 0xffff || mtimeNanos > 999_999_999) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", `ENTRY at offset ${offset}`);
  }

  let attributes: Attributes | undefined;
  for (;;) {
    const end = at < window.limit ? attributeEnd(window, at) : undefined;
    if (end === undefined) break;
    attributes ??= new Attributes();
    attributes.add(window, at, end);
    at = end;
  }

  const metadata: PxarMetadata = {
    mode,
    flags,
    uid,
    gid,
    mtimeSec,
    mtimeNanos,
    xattrs: attributes?.xattrs ?? NO_XATTRS,
    acl: attributes?.acl(),
    fcaps: attributes?.fcaps,
    quotaProjectId: attributes?.quotaProjectId,
  };
  return { metadata, end: at };
}

const attributeItems = [
  pxarItems.XATTR,
  pxarItems.ACL_USER,
  pxarItems.ACL_GROUP,
  pxarItems.ACL_GROUP_OBJ,
  pxarItems.ACL_DEFAULT,
  pxarItems.ACL_DEFAULT_USER,
  pxarItems.ACL_DEFAULT_GROUP,
  pxarItems.FCAPS,
  pxarItems.QUOTA_PROJID,
];

const attributeOfLow = new Map(attributeItems.map((type) => [type.low, type]));

/** Offset behind the attribute item at `at`; `undefined` when the item there is not an attribute. */
export function attributeEnd(window: ArchiveWindow, at: number): number | undefined {
  const low = window.low(at);
  // What most entries have there, before anything is looked up.
  if (low === pxarItems.PAYLOAD_REF.low || low === pxarItems.PAYLOAD.low) return undefined;
  const type = attributeOfLow.get(low);
  if (type?.high !== window.high(at)) return undefined;
  return window.itemEnd(at, type);
}

/** Collects the attribute items of one entry. */
class Attributes {
  xattrs: PxarXattr[] | undefined;
  fcaps: Uint8Array | undefined;
  quotaProjectId: bigint | undefined;
  #users: PxarAclEntry[] | undefined;
  #groups: PxarAclEntry[] | undefined;
  #groupObject: number | undefined;
  #defaults: PxarAclDefault | undefined;
  #defaultUsers: PxarAclEntry[] | undefined;
  #defaultGroups: PxarAclEntry[] | undefined;
  #hasAcl = false;

  acl(): PxarMetadata["acl"] {
    if (!this.#hasAcl) return undefined;
    return {
      users: this.#users ?? NO_ACL_ENTRIES,
      groups: this.#groups ?? NO_ACL_ENTRIES,
      groupObject: this.#groupObject,
      defaults: this.#defaults,
      defaultUsers: this.#defaultUsers ?? NO_ACL_ENTRIES,
      defaultGroups: this.#defaultGroups ?? NO_ACL_ENTRIES,
    };
  }

  add(window: ArchiveWindow, at: number, end: number): void {
    const content = at + ITEM_HEADER_BYTES;
    switch (window.low(at)) {
      case pxarItems.XATTR.low:
        this.xattrs ??= [];
        this.xattrs.push(readXattr(window, content, end));
        return;
      case pxarItems.FCAPS.low:
        refuseSecond(this.fcaps, at);
        this.fcaps = window.copy(content, end - content);
        return;
      case pxarItems.QUOTA_PROJID.low:
        refuseSecond(this.quotaProjectId, at);
        this.quotaProjectId = window.u64(content);
        return;
      case pxarItems.ACL_USER.low:
        this.#users ??= [];
        this.#users.push(readAclEntry(window, content));
        break;
      case pxarItems.ACL_GROUP.low:
        this.#groups ??= [];
        this.#groups.push(readAclEntry(window, content));
        break;
      case pxarItems.ACL_GROUP_OBJ.low:
        refuseSecond(this.#groupObject, at);
        this.#groupObject = readPermissions(window, content);
        break;
      case pxarItems.ACL_DEFAULT.low:
        refuseSecond(this.#defaults, at);
        this.#defaults = {
          userObject: readOptionalPermissions(window, content),
          groupObject: readOptionalPermissions(window, content + 8),
          other: readOptionalPermissions(window, content + 16),
          mask: readOptionalPermissions(window, content + 24),
        };
        break;
      case pxarItems.ACL_DEFAULT_USER.low:
        this.#defaultUsers ??= [];
        this.#defaultUsers.push(readAclEntry(window, content));
        break;
      default:
        this.#defaultGroups ??= [];
        this.#defaultGroups.push(readAclEntry(window, content));
    }
    this.#hasAcl = true;
  }
}

function refuseSecond(present: unknown, offset: number): void {
  if (present === undefined) return;
  throw new FormatError(
    "FORMAT_INVALID",
    "pxar archive",
    `an attribute that may be there once is repeated at offset ${offset}`,
  );
}

function readXattr(window: ArchiveWindow, content: number, end: number): PxarXattr {
  const nameEnd = window.findNul(content, end);
  if (nameEnd === end || nameEnd === content || nameEnd - content > 255) {
    throw new FormatError("FORMAT_INVALID", "pxar archive", `XATTR name at offset ${content}`);
  }
  return {
    name: window.copy(content, nameEnd - content),
    value: window.copy(nameEnd + 1, end - nameEnd - 1),
  };
}

function readAclEntry(window: ArchiveWindow, content: number): PxarAclEntry {
  const id = window.size(content);
  if (id > 0xffff_ffff) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", `an ACL id at offset ${content}`);
  }
  return { id, permissions: readPermissions(window, content + 8) };
}

function readPermissions(window: ArchiveWindow, offset: number): number {
  const permissions = readOptionalPermissions(window, offset);
  if (permissions === undefined) throw badPermissions(offset);
  return permissions;
}

/** Permission bits; `undefined` for the "unset" of ACL_DEFAULT (spec pxar.md §3.7). */
function readOptionalPermissions(window: ArchiveWindow, offset: number): number | undefined {
  const low = window.low(offset);
  const high = window.high(offset);
  if (low === -1 && high === -1) return undefined;
  if (high !== 0 || low < 0 || low > 7) throw badPermissions(offset);
  return low;
}

function badPermissions(offset: number): FormatError {
  return new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", `permissions at offset ${offset}`);
}
