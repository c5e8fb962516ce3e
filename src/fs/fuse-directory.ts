import { type DirectoryEntry } from "./file-system.ts";
import { writeEntry, writeU64 } from "./fuse-attributes.ts";
import { FUSE_DIRENT_BYTES, FUSE_ENTRY_BYTES } from "./fuse-protocol.ts";

/** A directory as it is handed out, page by page. */
export interface DirectoryListing {
  readonly ino: number;
  readonly parent: number;
  readonly entries: readonly DirectoryEntry[];
}

/** Which page of a listing is wanted. */
export interface DirectoryPage {
  /** 0 for the first page, later the offset of the last entry the kernel took. */
  readonly offset: number;
  /** Most bytes the page may have. */
  readonly size: number;
  /** Whether each entry comes with its attributes and counts as a lookup (READDIRPLUS). */
  readonly kind: "readdir" | "readdirplus";
}

const DIRECTORY_TYPE = 4;
const DOT = Uint8Array.of(0x2e);
const DOT_DOT = Uint8Array.of(0x2e, 0x2e);

/**
 * Writes one page of a directory, as many entries as fit.
 *
 * The offset of an entry is its position, counted from 1 with `.` and `..` in front, so a page can start anywhere.
 *
 * @param target Memory and view of the same bytes, at least `at + page.size` long.
 * @returns Bytes written; 0 at the end of the directory.
 * @see linux/fuse.h, struct fuse_dirent, struct fuse_direntplus
 */
export function writeDirectoryPage(
  target: { readonly bytes: Uint8Array; readonly view: DataView; readonly at: number },
  listing: DirectoryListing,
  page: DirectoryPage,
): number {
  const { bytes, view, at: start } = target;
  const prefix = page.kind === "readdirplus" ? FUSE_ENTRY_BYTES : 0;
  const end = start + page.size;
  const count = listing.entries.length + 2;
  let at = start;
  for (let position = page.offset; position < count; position++) {
    const entry = position < 2 ? undefined : listing.entries[position - 2];
    const name = entry?.name ?? (position === 0 ? DOT : DOT_DOT);
    const size = (prefix + FUSE_DIRENT_BYTES + name.length + 7) & ~7;
    if (at + size > end) break;

    if (prefix !== 0) {
      // For `.` and `..` no inode is named, so that the kernel takes no reference to it.
      if (entry) writeEntry(view, at, entry.attributes);
      else bytes.fill(0, at, at + prefix);
    }
    const dirent = at + prefix;
    writeU64(
      view,
      dirent,
      entry ? entry.attributes.ino : position === 0 ? listing.ino : listing.parent,
    );
    writeU64(view, dirent + 8, position + 1);
    view.setUint32(dirent + 16, name.length, true);
    view.setUint32(dirent + 20, entry ? (entry.attributes.mode >> 12) & 15 : DIRECTORY_TYPE, true);
    bytes.set(name, dirent + FUSE_DIRENT_BYTES);
    bytes.fill(0, dirent + FUSE_DIRENT_BYTES + name.length, at + size);
    at += size;
  }
  return at - start;
}
