/**
 * Type of an archive item (spec pxar.md §1).
 *
 * The 64-bit type is held in two signed 32-bit halves, because archives have millions of items and comparing a
 * `bigint` costs as much as decoding the rest of a small item.
 */
export interface PxarItemType {
  /** Name in the specification. */
  readonly name: string;
  /** Text whose SipHash is the type; a test derives it. */
  readonly hashedText: string;
  readonly low: number;
  readonly high: number;
  /** Fewest and most bytes of content that are accepted. */
  readonly contentMin: number;
  readonly contentMax: number;
}

/** Bytes of the header of every item: type and full size. */
export const ITEM_HEADER_BYTES = 16;

/** Bytes of one row of a goodbye table: hash, offset, size. */
export const GOODBYE_ROW_BYTES = 24;

const UNLIMITED = Number.MAX_SAFE_INTEGER - ITEM_HEADER_BYTES;

function item(
  name: string,
  hashedName: string,
  [high, low]: readonly [high: number, low: number],
  [contentMin, contentMax]: readonly [contentMin: number, contentMax: number],
): PxarItemType {
  return {
    name,
    hashedText: `__PROXMOX_FORMAT_${hashedName}__`,
    low: low | 0,
    high: high | 0,
    contentMin,
    contentMax,
  };
}

/** All item types (spec pxar.md §1). */
export const pxarItems = {
  FORMAT_VERSION: item("FORMAT_VERSION", "VERSION", [0x730f6c75, 0xdf16a40d], [8, 8]),
  PRELUDE: item("PRELUDE", "PRELUDE", [0xe309d79d, 0x9f7b771b], [0, UNLIMITED]),
  ENTRY: item("ENTRY", "ENTRY_V2", [0xd5956474, 0xe588acef], [40, 40]),
  ENTRY_V1: item("ENTRY_V1", "ENTRY", [0x11da850a, 0x1c1cceff], [32, 32]),
  FILENAME: item("FILENAME", "FILENAME", [0x16701121, 0x063917b3], [2, 4097]),
  SYMLINK: item("SYMLINK", "SYMLINK", [0x27f971e7, 0xdbf5dc5f], [1, 4097]),
  DEVICE: item("DEVICE", "DEVICE", [0x9fc9e906, 0x586d5ce9], [16, 16]),
  XATTR: item("XATTR", "XATTR", [0x0dab0229, 0xb57dcd03], [2, 255 + 65_536]),
  ACL_USER: item("ACL_USER", "ACL_USER", [0x2ce8540a, 0x457d55b8], [16, 16]),
  ACL_GROUP: item("ACL_GROUP", "ACL_GROUP", [0x136e3ece, 0xb04c03ab], [16, 16]),
  ACL_GROUP_OBJ: item("ACL_GROUP_OBJ", "ACL_GROUP_OBJ", [0x10868031, 0xe9582876], [8, 8]),
  ACL_DEFAULT: item("ACL_DEFAULT", "ACL_DEFAULT", [0xbbbb1341, 0x5a6896f5], [32, 32]),
  ACL_DEFAULT_USER: item(
    "ACL_DEFAULT_USER",
    "ACL_DEFAULT_USER",
    [0xc89357b4, 0x0532cd1f],
    [16, 16],
  ),
  ACL_DEFAULT_GROUP: item(
    "ACL_DEFAULT_GROUP",
    "ACL_DEFAULT_GROUP",
    [0xf90a8a58, 0x16038ffe],
    [16, 16],
  ),
  FCAPS: item("FCAPS", "FCAPS", [0x2da9dd9d, 0xb5f7fb67], [0, 255 + 65_536]),
  QUOTA_PROJID: item("QUOTA_PROJID", "QUOTA_PROJID", [0xe07540e8, 0x2f7d1cbb], [8, 8]),
  HARDLINK: item("HARDLINK", "HARDLINK", [0x51269c84, 0x22bd7275], [10, 4105]),
  PAYLOAD: item("PAYLOAD", "PXAR_PAYLOAD", [0x28147a1b, 0x0b7c1a25], [0, UNLIMITED]),
  PAYLOAD_REF: item("PAYLOAD_REF", "PXAR_PAYLOAD_REF", [0x419d3d6b, 0xc4ba977e], [16, 16]),
  GOODBYE: item("GOODBYE", "GOODBYE", [0x2fec4fa6, 0x42d5731d], [GOODBYE_ROW_BYTES, UNLIMITED]),
  GOODBYE_TAIL_MARKER: item(
    "GOODBYE_TAIL_MARKER",
    "PXAR_GOODBYE_TAIL_MARKER",
    [0xef5eed5b, 0x753e1555],
    [0, 0],
  ),
  PAYLOAD_START_MARKER: item(
    "PAYLOAD_START_MARKER",
    "PXAR_PAYLOAD_START_MARKER",
    [0x834c68c2, 0x194a4ed2],
    [0, 0],
  ),
  PAYLOAD_TAIL_MARKER: item(
    "PAYLOAD_TAIL_MARKER",
    "PXAR_PAYLOAD_TAIL_MARKER",
    [0x6c72b78b, 0x984c81b5],
    [0, 0],
  ),
} as const satisfies Readonly<Record<string, PxarItemType>>;
