import { PXAR_NAME_BYTES_MAX } from "../limits.ts";

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * Says what is wrong with an entry's name, `undefined` when nothing is.
 *
 * A name has 1 to 4096 bytes, no slash, no NUL, and is neither `.` nor `..` (spec pxar.md §3.3).
 */
export function entryNameFault(name: Uint8Array): string | undefined {
  const size = name.length;
  if (size === 0) return "the name is empty";
  if (size > PXAR_NAME_BYTES_MAX) return `the name has ${size} bytes`;
  if (name[0] === DOT && (size === 1 || (size === 2 && name[1] === DOT))) {
    return "the name is that of the directory itself or its parent";
  }
  for (let i = 0; i < size; i++) {
    const byte = name[i];
    if (byte === SLASH || byte === 0) return "the name contains a slash or a NUL";
  }
  return undefined;
}
