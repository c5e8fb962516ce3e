import { type Attributes } from "./file-system.ts";

const BLOCK_BYTES = 512;
/** Preferred transfer size shown as `st_blksize`. */
const PREFERRED_BYTES = 4096;
/** What "as long as the mount lives" is in seconds: 68 years. */
const FOREVER_SEC = 0x7fffffff;

/**
 * Writes `struct fuse_attr`; all three times are the modification time, the only one an archive has.
 *
 * @param at Offset of the structure in `view`.
 * @see linux/fuse.h, struct fuse_attr
 */
export function writeAttributes(view: DataView, at: number, attributes: Attributes): void {
  const { ino, size, mtimeSec, mtimeNanos } = attributes;
  writeU64(view, at, ino);
  writeU64(view, at + 8, size);
  writeU64(view, at + 16, Math.ceil((attributes.allocatedBytes ?? size) / BLOCK_BYTES));
  writeU64(view, at + 24, mtimeSec);
  writeU64(view, at + 32, mtimeSec);
  writeU64(view, at + 40, mtimeSec);
  view.setUint32(at + 48, mtimeNanos, true);
  view.setUint32(at + 52, mtimeNanos, true);
  view.setUint32(at + 56, mtimeNanos, true);
  view.setUint32(at + 60, attributes.mode, true);
  view.setUint32(at + 64, attributes.nlink, true);
  view.setUint32(at + 68, attributes.uid, true);
  view.setUint32(at + 72, attributes.gid, true);
  view.setUint32(at + 76, encodeDevice(attributes.deviceMajor, attributes.deviceMinor), true);
  view.setUint32(at + 80, PREFERRED_BYTES, true);
  view.setUint32(at + 84, 0, true);
}

/**
 * Writes `struct fuse_entry_out`: name and attributes are valid equally long, unless the latter are provisional.
 *
 * @see linux/fuse.h, struct fuse_entry_out
 */
export function writeEntry(view: DataView, at: number, attributes: Attributes): void {
  const name = validity(attributes.timeoutMs);
  const kept = attributeValidity(attributes);
  writeU64(view, at, attributes.ino);
  writeU64(view, at + 8, 0);
  writeU64(view, at + 16, name.seconds);
  writeU64(view, at + 24, kept.seconds);
  view.setUint32(at + 32, name.nanos, true);
  view.setUint32(at + 36, kept.nanos, true);
  writeAttributes(view, at + 40, attributes);
}

/** How long the kernel may keep attributes. */
export function attributeValidity({ timeoutMs, isProvisional }: Attributes): Validity {
  return isProvisional === true ? AT_ONCE_OVER : validity(timeoutMs);
}

interface Validity {
  readonly seconds: number;
  readonly nanos: number;
}

const FOREVER: Validity = { seconds: FOREVER_SEC, nanos: 0 };
const AT_ONCE_OVER: Validity = { seconds: 0, nanos: 0 };

/** Seconds and nanoseconds for which the kernel may keep something with this `timeoutMs`. */
export function validity(timeoutMs: number | undefined): Validity {
  if (timeoutMs === undefined) return FOREVER;
  return { seconds: Math.floor(timeoutMs / 1000), nanos: (timeoutMs % 1000) * 1_000_000 };
}

/** Writes 64 bits; a negative number as its two's complement. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000) >>> 0, true);
}

/**
 * Packs device numbers as the kernel's `new_encode_dev`: 12 bits of major, 20 of minor around them.
 *
 * @see linux/kdev_t.h
 */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
