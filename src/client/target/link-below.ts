import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { FILE_TYPE, statusAt } from "../../linux/file-status.ts";
import { CHATTR, flagsOf, setFlags } from "../../linux/inode-flags.ts";
import { makeHardLink, type PlaceOfName } from "../../linux/name-calls.ts";
import { closeDescriptor, openForReading } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";
import { RestoreError } from "./restore-error.ts";

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * Splits the path that a hard link in an archive names.
 *
 * @throws {RestoreError} `RESTORE_UNSAFE_LINK` unless it is a plain path down from the root (spec pxar.md §8.8).
 */
export function linkTargetNames(path: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let start = 0; start <= path.length;) {
    const slash = path.indexOf(SLASH, start);
    const end = slash < 0 ? path.length : slash;
    const name = path.subarray(start, end);
    const isDots = name.length <= 2 && name.every((byte) => byte === DOT);
    if (isDots || name.includes(0)) {
      throw new RestoreError("RESTORE_UNSAFE_LINK", Buffer.from(path).toString());
    }
    names.push(name);
    start = end + 1;
  }
  return names;
}

/**
 * Makes a hard link to a regular file below `root`, reached one component at a time without following symbolic links.
 *
 * An immutable or append-only target, which takes no links, is unlocked meanwhile.
 *
 * @throws {SystemError} As `linkat(2)`; `ENOENT`, `ENOTDIR` or `ELOOP` when there is no such file.
 */
export function linkBelow(
  root: DirectoryHandle,
  target: readonly Uint8Array[],
  to: PlaceOfName,
): void {
  let directory = root;
  try {
    for (const part of target.slice(0, -1)) {
      const next = directory.openChild(part);
      if (directory !== root) directory.close();
      directory = next;
    }
    const from = { directoryFd: directory.fd, name: target.at(-1) ?? new Uint8Array(0) };
    const { mode } = statusAt(from.directoryFd, from.name);
    if ((mode & FILE_TYPE.mask) !== FILE_TYPE.regular) throw new SystemError("ENOENT", "link");
    try {
      makeHardLink(from, to);
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== "EPERM") throw error;
      linkUnlocked(from, to);
    }
  } finally {
    if (directory !== root) directory.close();
  }
}

function linkUnlocked(from: PlaceOfName, to: PlaceOfName): void {
  const locks = CHATTR.immutable | CHATTR.append;
  const fd = openForReading(from.directoryFd, from.name);
  try {
    const { chattr } = flagsOf(fd);
    setFlags(fd, 0, locks);
    try {
      makeHardLink(from, to);
    } finally {
      setFlags(fd, chattr, locks);
    }
  } finally {
    closeDescriptor(fd);
  }
}
