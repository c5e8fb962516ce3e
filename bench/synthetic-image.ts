import { createCipheriv } from "node:crypto";

import { type Attributes, type FileSystem, ROOT_INODE } from "../src/fs/file-system.ts";
import { FsError } from "../src/fs/fs-error.ts";

/** An image whose content is computed, so that it takes no room. */
export interface SyntheticImage {
  readonly name: string;
  readonly sizeBytes: number;
  /** Data is the first `runBytes` of every `everyBytes`, the rest holes; both are multiples of 4 MiB. */
  readonly runBytes: number;
  readonly everyBytes: number;
  /** Up to this offset data is noise, which does not compress, behind it text that compresses to next to nothing. */
  readonly noiseBytes: number;
}

const BLOCK_BYTES = 4 * 2 ** 20;
const STAMP_BYTES = 24;
const firstFile = ROOT_INODE + 1;

/** Every 4 MiB of data are different: they begin with the numbers of the image and of the block. */
function stampOf(image: number, block: number): Uint8Array {
  return Buffer.from(`${image}/${block}`.padEnd(STAMP_BYTES, "\n"));
}

/** Images in one folder, made of two blocks in memory. */
export function makeFileSystem(argument: unknown): FileSystem {
  const images = argument as readonly SyntheticImage[];
  const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16, 3), Buffer.alloc(16)).update(
    Buffer.alloc(BLOCK_BYTES),
  );
  const text = Buffer.alloc(BLOCK_BYTES, "one line of a log, as there are many of them\n");
  const zeros = Buffer.alloc(BLOCK_BYTES);

  const imageAt = (ino: number): SyntheticImage => {
    const image = images[ino - firstFile];
    if (!image) throw new FsError("EISDIR", "use a folder as a file");
    return image;
  };
  const attributesOf = (ino: number): Attributes => {
    const image = images[ino - firstFile];
    return {
      ino,
      kind: image ? "file" : "directory",
      mode: image ? 0o100644 : 0o40755,
      nlink: image ? 1 : 2,
      uid: 0,
      gid: 0,
      size: image?.sizeBytes ?? 0,
      deviceMajor: 0,
      deviceMinor: 0,
      mtimeSec: 1_700_000_000,
      mtimeNanos: 0,
    };
  };
  return {
    lookup: (_parent, name) => {
      const at = images.findIndex((image) => image.name === Buffer.from(name).toString());
      if (at < 0) throw new FsError("ENOENT", "look up a name");
      return attributesOf(firstFile + at);
    },
    forget: () => undefined,
    prepare: () => false,
    getAttributes: attributesOf,
    readDirectory: () => ({
      parent: ROOT_INODE,
      entries: images.map(({ name }, i) => ({
        name: Buffer.from(name),
        attributes: attributesOf(firstFile + i),
      })),
    }),
    readLink: () => {
      throw new FsError("EINVAL", "read a link");
    },
    read: (ino, offset, size) => {
      const { sizeBytes, runBytes, everyBytes, noiseBytes } = imageAt(ino);
      const end = Math.min(offset + size, sizeBytes);
      const pieces: Uint8Array[] = [];
      for (let at = offset; at < end;) {
        const within = at % BLOCK_BYTES;
        const isData = at % everyBytes < runBytes;
        const block = isData ? (at < noiseBytes ? noise : text) : zeros;
        const stamp = stampOf(ino, Math.floor(at / BLOCK_BYTES));
        const isStamp = isData && within < STAMP_BYTES;
        const piece = (isStamp ? stamp : block).subarray(within, within + end - at);
        pieces.push(piece);
        at += piece.length;
      }
      return pieces;
    },
    seek: (ino, offset, what) => {
      const { sizeBytes, runBytes, everyBytes } = imageAt(ino);
      if (offset >= sizeBytes) throw new FsError("ENXIO", "seek beyond the end");
      const within = offset % everyBytes;
      const isData = within < runBytes;
      if (what === "data") {
        const found = isData ? offset : offset - within + everyBytes;
        if (found >= sizeBytes) throw new FsError("ENXIO", "find data");
        return found;
      }
      if (!isData) return offset;
      return runBytes === everyBytes ? sizeBytes : Math.min(sizeBytes, offset - within + runBytes);
    },
    listExtendedAttributes: () => [],
    getExtendedAttribute: () => undefined,
    lacksExtendedAttributes: () => true,
    status: () => ({ totalBytes: 0, inodeCount: images.length + 1 }),
    accept: () => undefined,
  };
}
