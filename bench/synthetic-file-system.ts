import {
  type Attributes,
  type DirectoryEntry,
  type FileSystem,
  ROOT_INODE,
} from "../src/fs/file-system.ts";
import { FsError } from "../src/fs/fs-error.ts";

/** Directories in the root, directories in each of these, and files in each of those: 100,000 files. */
export const SHAPE = [100, 10, 100] as const;

/** Bytes of every file. */
export const FILE_BYTES: number = 2 * 2 ** 30;

const CHUNK_BYTES = 4 * 2 ** 20;
const [TOP, MIDDLE, FILES] = SHAPE;
const firstMiddle = ROOT_INODE + 1 + TOP;
const firstFile = firstMiddle + TOP * MIDDLE;

/** What a level's inode numbers look like: `count` children each, named by number. */
interface Level {
  readonly firstChild: number;
  readonly count: number;
  readonly childIsFile: boolean;
}

/** A tree that is computed, with content that is all zero: it measures the transport and nothing else. */
export function makeFileSystem(): FileSystem {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const listings = new Map<number, readonly DirectoryEntry[]>();

  const attributesOf = (ino: number): Attributes => {
    const isFile = ino >= firstFile;
    return {
      ino,
      kind: isFile ? "file" : "directory",
      mode: isFile ? 0o100644 : 0o40755,
      nlink: isFile ? 1 : 2,
      uid: 0,
      gid: 0,
      size: isFile ? FILE_BYTES : 0,
      deviceMajor: 0,
      deviceMinor: 0,
      mtimeSec: 1_700_000_000,
      mtimeNanos: ino,
    };
  };
  const levelOf = (ino: number): Level => {
    if (ino === ROOT_INODE) return { firstChild: ROOT_INODE + 1, count: TOP, childIsFile: false };
    if (ino < firstMiddle) {
      const top = ino - ROOT_INODE - 1;
      return { firstChild: firstMiddle + top * MIDDLE, count: MIDDLE, childIsFile: false };
    }
    const middle = ino - firstMiddle;
    return { firstChild: firstFile + middle * FILES, count: FILES, childIsFile: true };
  };
  // Made beforehand, so that what is measured is how they are handed out.
  for (let ino = ROOT_INODE; ino < firstFile; ino++) {
    const level = levelOf(ino);
    const entries = Array.from({ length: level.count }, (_, i) => ({
      name: Buffer.from(`${level.childIsFile ? "f" : "d"}${i}`),
      attributes: attributesOf(level.firstChild + i),
    }));
    listings.set(ino, entries);
  }
  return {
    lookup: (parent, name) => {
      const level = levelOf(parent);
      const position = Number(Buffer.from(name).subarray(1).toString());
      if (!(position < level.count)) throw new FsError("ENOENT", "look up a name");
      return attributesOf(level.firstChild + position);
    },
    forget: () => undefined,
    prepare: () => false,
    getAttributes: attributesOf,
    readDirectory: (ino) => ({ parent: ROOT_INODE, entries: listings.get(ino) ?? [] }),
    readLink: () => {
      throw new FsError("EINVAL", "read a link");
    },
    read: (_ino, offset, size) => {
      const pieces: Uint8Array[] = [];
      const end = Math.min(offset + size, FILE_BYTES);
      for (let at = offset; at < end;) {
        const within = at % CHUNK_BYTES;
        const piece = chunk.subarray(within, Math.min(CHUNK_BYTES, within + end - at));
        pieces.push(piece);
        at += piece.length;
      }
      return pieces;
    },
    seek: (_ino, offset, what) => (what === "data" ? offset : FILE_BYTES),
    listExtendedAttributes: () => [],
    getExtendedAttribute: () => undefined,
    lacksExtendedAttributes: () => false,
    status: () => ({ totalBytes: FILE_BYTES, inodeCount: firstFile + TOP * MIDDLE * FILES }),
    accept: () => undefined,
  };
}
