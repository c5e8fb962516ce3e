import { type Attributes } from "./file-system.ts";
import { errnoNumbers, FsError } from "./fs-error.ts";
import { encodeDevice } from "./fuse-attributes.ts";
import { type NativeFuse, type NativeOperations, type NativeStat } from "./fuse-native-binding.ts";
import { shortInodes } from "./short-inodes.ts";
import { type PathFileSystem } from "./path-file-system.ts";
import { isWorthReporting } from "./worth-reporting.ts";

const STATUS_BLOCK_BYTES = 4096;
const NAME_BYTES_MAX = 255;

/** What the operations work with. */
export interface NativeOperationsParts {
  readonly files: PathFileSystem;
  readonly onError: (error: Error) => void;
}

/**
 * The operations of the package `fuse-native`, answered from a file system.
 *
 * What the package cannot express is left out or rounded: names that are not UTF-8 are not listed, a link target that
 * is not fails with EIO, times are whole milliseconds from 1970 on, inode numbers have 32 bits ({@link shortInodes}).
 */
export function makeNativeOperations(parts: NativeOperationsParts): NativeOperations {
  const { files } = parts;
  const shortInode = shortInodes();
  const finish = async <T>(
    run: Promise<T>,
    done: (result: number, value?: T) => void,
  ): Promise<void> => {
    let value: T;
    try {
      value = await run;
    } catch (error) {
      done(failureOf(error, parts.onError));
      return;
    }
    done(0, value);
  };
  return {
    getattr: (path, done) =>
      void finish(
        files.run(path, (fs, ino) => nativeStat(fs.getAttributes(ino), shortInode)),
        done,
      ),
    readdir: (path, done) =>
      void finish(
        files.run(path, (fs, ino) =>
          fs.readDirectory(ino).entries.flatMap((entry) => utf8Of(entry.name) ?? []),
        ),
        done,
      ),
    readlink: (path, done) =>
      void finish(
        files.run(path, (fs, ino) => {
          const target = utf8Of(fs.readLink(ino));
          if (target === undefined) throw new FsError("EIO", "show a target that is not UTF-8");
          return target;
        }),
        done,
      ),
    read: (path, _handle, target, size, offset, done) =>
      void finish(
        files.run(path, (fs, ino) => copyPieces(fs.read(ino, offset, size), target)),
        (result, count) => {
          done(count ?? result);
        },
      ),
    statfs: (_path, done) =>
      void finish(
        files.run("/", (fs) => {
          const { totalBytes, inodeCount } = fs.status();
          return {
            bsize: STATUS_BLOCK_BYTES,
            frsize: STATUS_BLOCK_BYTES,
            blocks: Math.ceil(totalBytes / STATUS_BLOCK_BYTES),
            files: inodeCount,
            namemax: NAME_BYTES_MAX,
          };
        }),
        done,
      ),
    getxattr: () => undefined,
    listxattr: () => undefined,
  };
}

/** Replaces the inner methods for extended attributes by ones that respect the room there is. */
export function answerExtendedAttributes(fuse: NativeFuse, parts: NativeOperationsParts): void {
  const answer = async (bytes: Promise<Uint8Array>, room: Uint8Array): Promise<number> => {
    try {
      const value = await bytes;
      if (room.length === 0) return value.length;
      if (value.length > room.length) return -errnoNumbers.ERANGE;
      room.set(value);
      return value.length;
    } catch (error) {
      return failureOf(error, parts.onError);
    }
  };
  fuse._op_getxattr = (signal, path, name, room) => {
    const value = parts.files.run(path, (fs, ino) => {
      const found = fs.getExtendedAttribute(ino, Buffer.from(name));
      if (!found) throw new FsError("ENODATA", "get an extended attribute");
      return found.slice();
    });
    void answer(value, room).then((result) => {
      signal(result, room.buffer);
    });
  };
  fuse._op_listxattr = (signal, path, room) => {
    const list = parts.files.run(path, (fs, ino) =>
      Buffer.concat(fs.listExtendedAttributes(ino).flatMap((name) => [name, Uint8Array.of(0)])),
    );
    void answer(list, room).then((result) => {
      signal(result, room.buffer);
    });
  };
}

function failureOf(error: unknown, onError: (error: Error) => void): number {
  if (isWorthReporting(error)) onError(error instanceof Error ? error : new Error(String(error)));
  return -errnoNumbers[error instanceof FsError ? error.code : "EIO"];
}

function nativeStat(
  attributes: Attributes,
  shortInode: (attributes: Attributes) => number,
): NativeStat {
  const { mode, nlink, uid, gid, size, mtimeSec, mtimeNanos } = attributes;
  const timeMs = Math.max(0, mtimeSec * 1000 + Math.floor(mtimeNanos / 1_000_000));
  return {
    ino: shortInode(attributes),
    mode,
    nlink,
    uid,
    gid,
    size,
    rdev: encodeDevice(attributes.deviceMajor, attributes.deviceMinor),
    blocks: Math.ceil((attributes.allocatedBytes ?? size) / 512),
    atime: timeMs,
    mtime: timeMs,
    ctime: timeMs,
  };
}

function copyPieces(pieces: readonly Uint8Array[], target: Uint8Array): number {
  let at = 0;
  for (const piece of pieces) {
    target.set(piece, at);
    at += piece.length;
  }
  return at;
}

/** The text, or `undefined` for bytes that do not come back the same from it. */
function utf8Of(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}
