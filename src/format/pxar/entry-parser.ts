import { FormatError } from "../format-error.ts";
import { type ArchiveWindow } from "./archive-window.ts";
import { entryNameFault } from "./entry-name.ts";
import { ITEM_HEADER_BYTES, type PxarItemType, pxarItems } from "./item.ts";
import { parseMetadata } from "./metadata-parser.ts";
import { type PxarMetadata } from "./metadata.ts";
import { type PxarNode, type PxarOwnNode } from "./node.ts";

/** File type bits of `st_mode` (spec pxar.md §3.1). */
export const modeTypes = {
  MASK: 0o170000,
  SOCKET: 0o140000,
  SYMLINK: 0o120000,
  FILE: 0o100000,
  BLOCK_DEVICE: 0o060000,
  DIRECTORY: 0o040000,
  CHARACTER_DEVICE: 0o020000,
  FIFO: 0o010000,
} as const;

/** Builds the error for bytes that break a rule of the archive format. */
export function invalidArchive(offset: number, detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", "pxar archive", `${detail} at offset ${offset}`);
}

/**
 * Decodes the entry whose FILENAME item is at `nameOffset` (spec pxar.md §2).
 *
 * Stops behind the last item of the entry; of a directory, where its content starts. Nothing at or behind the window's
 * limit is read: there a FIFO or socket ends at the latest.
 *
 * @param split Whether content of files is in a payload archive.
 * @throws {FormatError} For every broken rule.
 */
export function parseEntry(window: ArchiveWindow, nameOffset: number, split: boolean): PxarNode {
  if (!window.isType(nameOffset, pxarItems.FILENAME)) {
    throw invalidArchive(nameOffset, "no FILENAME item");
  }
  const nameEnd = window.itemEnd(nameOffset, pxarItems.FILENAME);
  const name = readText(window, nameOffset, nameEnd);
  const fault = entryNameFault(name);
  if (fault !== undefined) throw invalidArchive(nameOffset, fault);
  if (window.isType(nameEnd, pxarItems.HARDLINK)) {
    return parseHardLink(window, { name, nameOffset, at: nameEnd });
  }
  return parseOwnEntry(window, nameEnd, { name, nameOffset, split });
}

/** Decodes an entry from its ENTRY item on; the way in for the root, which has no name. */
export function parseOwnEntry(
  window: ArchiveWindow,
  entryOffset: number,
  {
    name,
    nameOffset,
    split,
  }: { readonly name: Uint8Array; readonly nameOffset: number; readonly split: boolean },
): PxarOwnNode {
  const { metadata, end: at } = parseMetadata(window, entryOffset);
  const type = metadata.mode & modeTypes.MASK;
  switch (type) {
    case modeTypes.FILE:
      return split
        ? parseReference(window, at, { name, nameOffset, metadata })
        : parsePayload(window, at, { name, nameOffset, metadata });
    case modeTypes.DIRECTORY:
      return {
        kind: "directory",
        name,
        nameOffset,
        metadata,
        entryOffset,
        contentOffset: at,
        end: 0,
      };
    case modeTypes.SYMLINK: {
      const end = expectItem(window, at, pxarItems.SYMLINK);
      return {
        kind: "symlink",
        name,
        nameOffset,
        metadata,
        end,
        target: readText(window, at, end),
      };
    }
    case modeTypes.BLOCK_DEVICE:
    case modeTypes.CHARACTER_DEVICE: {
      const end = expectItem(window, at, pxarItems.DEVICE);
      const kind = type === modeTypes.BLOCK_DEVICE ? "block-device" : "character-device";
      const major = window.size(at + ITEM_HEADER_BYTES);
      const minor = window.size(at + ITEM_HEADER_BYTES + 8);
      if (major > 0xffff_ffff || minor > 0xffff_ffff) {
        throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", "a device number");
      }
      return { kind, name, nameOffset, metadata, end, major, minor };
    }
    case modeTypes.FIFO:
      return { kind: "fifo", name, nameOffset, metadata, end: at };
    case modeTypes.SOCKET:
      return { kind: "socket", name, nameOffset, metadata, end: at };
    default:
      throw invalidArchive(
        entryOffset,
        `an entry of unknown type, mode 0${metadata.mode.toString(8)}`,
      );
  }
}

interface Start {
  readonly name: Uint8Array;
  readonly nameOffset: number;
  readonly metadata: PxarMetadata;
}

function parsePayload(window: ArchiveWindow, at: number, start: Start): PxarOwnNode {
  const { name, nameOffset, metadata } = start;
  const end = expectItem(window, at, pxarItems.PAYLOAD);
  const offset = at + ITEM_HEADER_BYTES;
  const payload = { archive: "metadata", headerOffset: at, offset } as const;
  return { kind: "file", name, nameOffset, metadata, end, size: end - offset, payload };
}

function parseReference(window: ArchiveWindow, at: number, start: Start): PxarOwnNode {
  const { name, nameOffset, metadata } = start;
  const end = expectItem(window, at, pxarItems.PAYLOAD_REF);
  const headerOffset = window.size(at + ITEM_HEADER_BYTES);
  const size = window.size(at + ITEM_HEADER_BYTES + 8);
  const offset = headerOffset + ITEM_HEADER_BYTES;
  if (offset + size > Number.MAX_SAFE_INTEGER) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", "a payload reference");
  }
  const payload = { archive: "payload", headerOffset, offset } as const;
  return { kind: "file", name, nameOffset, metadata, end, size, payload };
}

function parseHardLink(
  window: ArchiveWindow,
  {
    name,
    nameOffset,
    at,
  }: { readonly name: Uint8Array; readonly nameOffset: number; readonly at: number },
): PxarNode {
  const end = window.itemEnd(at, pxarItems.HARDLINK);
  const distance = window.size(at + ITEM_HEADER_BYTES);
  if (distance === 0 || distance > nameOffset) {
    throw invalidArchive(at, "a hard link whose target is not before it");
  }
  const targetPath = window.copy(at + ITEM_HEADER_BYTES + 8, end - at - ITEM_HEADER_BYTES - 9);
  if (window.findNul(at + ITEM_HEADER_BYTES + 8, end) !== end - 1) {
    throw invalidArchive(at, "a path with a NUL before its end");
  }
  const targetNameOffset = nameOffset - distance;
  return { kind: "hardlink", name, nameOffset, end, targetNameOffset, targetPath };
}

function expectItem(window: ArchiveWindow, at: number, type: PxarItemType): number {
  if (at >= window.limit || !window.isType(at, type)) {
    throw invalidArchive(at, `no ${type.name} item`);
  }
  return window.itemEnd(at, type);
}

/** Content of an item that ends in its only NUL, without it. */
function readText(window: ArchiveWindow, offset: number, end: number): Uint8Array {
  const start = offset + ITEM_HEADER_BYTES;
  if (window.findNul(start, end) !== end - 1) {
    throw invalidArchive(offset, "a text whose only NUL is not its last byte");
  }
  return window.copy(start, end - 1 - start);
}
