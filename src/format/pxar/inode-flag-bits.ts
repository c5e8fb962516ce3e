/** Bits of `ENTRY.flags` and the `FS_…_FL` bit of the same meaning (spec pxar.md §8.1, linux/fs.h). */
const CHATTR_BITS: readonly (readonly [pxar: number, chattr: number])[] = [
  [0x10000, 0x20], // append only
  [0x20000, 0x80], // no access time
  [0x40000, 0x4], // compress
  [0x80000, 0x800000], // no copy-on-write
  [0x100000, 0x40], // no dump
  [0x200000, 0x10000], // directory changes are synchronous
  [0x400000, 0x10], // immutable
  [0x800000, 0x8], // synchronous
  [0x1000000, 0x400], // no compression
  [0x2000000, 0x20000000], // project id is inherited
];

/** Bits of `ENTRY.flags` and the FAT attribute of the same meaning: hidden, system, archive (spec pxar.md §8.1). */
const FAT_BITS: readonly (readonly [pxar: number, fat: number])[] = [
  [0x2000, 2],
  [0x4000, 4],
  [0x8000, 32],
];

/** All FAT attributes that an archive can express. */
export const FAT_ATTRIBUTES_STORED: number = FAT_BITS.reduce((all, [, fat]) => all | fat, 0);

/** `FS_…_FL` bits that must be set before a file has content to have effect (spec pxar.md §8.5). */
export const CHATTR_FLAGS_INITIAL: number = 0x80 | 0x4 | 0x800000 | 0x400 | 0x20000000;

/** Translates `FS_…_FL` bits and FAT attributes to `ENTRY.flags`; bits an archive cannot express are dropped. */
export function pxarFlagsOf(chattr: number, fatAttributes: number): number {
  let flags = 0;
  for (const [pxar, bit] of CHATTR_BITS) if ((chattr & bit) !== 0) flags |= pxar;
  for (const [pxar, bit] of FAT_BITS) if ((fatAttributes & bit) !== 0) flags |= pxar;
  return flags;
}

/** `FS_…_FL` bits of `ENTRY.flags`. */
export function chattrFlagsOf(flags: number): number {
  let chattr = 0;
  for (const [pxar, bit] of CHATTR_BITS) if ((flags & pxar) !== 0) chattr |= bit;
  return chattr;
}

/** FAT attributes of `ENTRY.flags`. */
export function fatAttributesOfFlags(flags: number): number {
  let fat = 0;
  for (const [pxar, bit] of FAT_BITS) if ((flags & pxar) !== 0) fat |= bit;
  return fat;
}
