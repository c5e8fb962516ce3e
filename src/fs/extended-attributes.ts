import { type PxarMetadata } from "../format/pxar/metadata.ts";
import {
  ACCESS_ACL_ATTRIBUTE,
  DEFAULT_ACL_ATTRIBUTE,
  posixAclValuesOf,
} from "../format/pxar/posix-acl.ts";

/** An attribute as the mount shows it. */
export interface ExtendedAttribute {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** What `getxattr(2)` shows of an entry: its own attributes, capabilities and access control lists. */
export function extendedAttributesOf(metadata: PxarMetadata): readonly ExtendedAttribute[] {
  const { xattrs, fcaps, acl, mode } = metadata;
  const { access, defaults } = acl ? posixAclValuesOf(acl, mode) : NO_ACLS;
  return [
    ...xattrs,
    ...(fcaps ? [{ name: attributeNames.capability, value: fcaps }] : []),
    ...(access ? [{ name: attributeNames.access, value: access }] : []),
    ...(defaults ? [{ name: attributeNames.defaults, value: defaults }] : []),
  ];
}

const NO_ACLS = { access: undefined, defaults: undefined };

const encoder = new TextEncoder();

const attributeNames = {
  capability: encoder.encode("security.capability"),
  access: encoder.encode(ACCESS_ACL_ATTRIBUTE),
  defaults: encoder.encode(DEFAULT_ACL_ATTRIBUTE),
} as const;
