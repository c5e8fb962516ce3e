import { type ByteWriter } from "../bytes/byte-writer.ts";
import { ITEM_HEADER_BYTES, type PxarItemType, pxarItems } from "./item.ts";
import { type PxarAcl, type PxarAclEntry, type PxarMetadata } from "./metadata.ts";

/** What ACL_DEFAULT stores for a base entry that is not there (spec pxar.md §3.7). */
export const ACL_UNSET = 0xffff_ffff_ffff_ffffn;

/** Writes the header of an item with `contentSize` bytes of content. */
export function writeItemHeader(writer: ByteWriter, type: PxarItemType, contentSize: number): void {
  writer.writeU32(type.low >>> 0);
  writer.writeU32(type.high >>> 0);
  writer.writeSize(ITEM_HEADER_BYTES + contentSize);
}

/** Writes an item whose content is text that ends in a NUL: FILENAME, SYMLINK (spec pxar.md §3.3, §3.4). */
export function writeTextItem(writer: ByteWriter, type: PxarItemType, text: Uint8Array): void {
  writeItemHeader(writer, type, text.length + 1);
  writer.write(text);
  writer.writeU8(0);
}

/** Writes ENTRY and the attributes in the order that writers must use (spec pxar.md §2, §3). */
export function writeMetadata(writer: ByteWriter, metadata: PxarMetadata): void {
  writeItemHeader(writer, pxarItems.ENTRY, 40);
  writer.writeSize(metadata.mode);
  writer.writeSize(metadata.flags);
  writer.writeU32(metadata.uid);
  writer.writeU32(metadata.gid);
  writer.writeSize(metadata.mtimeSec); // The halves of a negative number come out in two's complement.
  writer.writeU32(metadata.mtimeNanos);
  writer.writeU32(0);
  for (const { name, value } of metadata.xattrs) {
    writeItemHeader(writer, pxarItems.XATTR, name.length + 1 + value.length);
    writer.write(name);
    writer.writeU8(0);
    writer.write(value);
  }
  if (metadata.acl !== undefined) writeAcl(writer, metadata.acl);
  if (metadata.fcaps !== undefined) {
    writeItemHeader(writer, pxarItems.FCAPS, metadata.fcaps.length);
    writer.write(metadata.fcaps);
  }
  if (metadata.quotaProjectId !== undefined) {
    writeItemHeader(writer, pxarItems.QUOTA_PROJID, 8);
    writer.writeU64(metadata.quotaProjectId);
  }
}

function writeAcl(writer: ByteWriter, acl: PxarAcl): void {
  writeAclEntries(writer, pxarItems.ACL_USER, acl.users);
  writeAclEntries(writer, pxarItems.ACL_GROUP, acl.groups);
  if (acl.groupObject !== undefined) {
    writeItemHeader(writer, pxarItems.ACL_GROUP_OBJ, 8);
    writer.writeSize(acl.groupObject);
  }
  if (acl.defaults !== undefined) {
    const { userObject, groupObject, other, mask } = acl.defaults;
    writeItemHeader(writer, pxarItems.ACL_DEFAULT, 32);
    for (const permissions of [userObject, groupObject, other, mask]) {
      writer.writeU64(permissions === undefined ? ACL_UNSET : BigInt(permissions));
    }
  }
  writeAclEntries(writer, pxarItems.ACL_DEFAULT_USER, acl.defaultUsers);
  writeAclEntries(writer, pxarItems.ACL_DEFAULT_GROUP, acl.defaultGroups);
}

function writeAclEntries(
  writer: ByteWriter,
  type: PxarItemType,
  entries: readonly PxarAclEntry[],
): void {
  for (const { id, permissions } of entries) {
    writeItemHeader(writer, type, 16);
    writer.writeSize(id);
    writer.writeSize(permissions);
  }
}
