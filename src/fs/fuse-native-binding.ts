import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { loadSharedLibrary } from "../linux/shared-library.ts";

/** Attributes as the package takes them: times in milliseconds, numbers of 32 bits but for the size. */
export interface NativeStat {
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly rdev: number;
  readonly blocks: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
}

/** Result of an operation: 0 or a count, or a negative errno. */
type Done = (result: number) => void;
type DoneWith<T> = (result: number, value?: T) => void;

/** The operations that a read-only file system has; paths start with `/`. */
export interface NativeOperations {
  getattr(path: string, done: DoneWith<NativeStat>): void;
  readdir(path: string, done: DoneWith<string[]>): void;
  readlink(path: string, done: DoneWith<string>): void;
  read(
    path: string,
    handle: number,
    target: Uint8Array,
    size: number,
    offset: number,
    done: Done,
  ): void;
  statfs(path: string, done: DoneWith<Readonly<Record<string, number>>>): void;
  /** Present so that the package asks at all; {@link NativeFuse} is answered through its inner methods. */
  getxattr(): void;
  listxattr(): void;
}

/** Options of the package that are used; `fsname` may carry further ones after a comma. */
export interface NativeOptions {
  readonly fsname: string;
  readonly allowOther: boolean;
  readonly defaultPermissions: boolean;
  readonly autoCache: boolean;
  readonly timeout: false;
}

/** A mount of the package. */
export interface NativeFuse {
  mount(done: (error: Error | null) => void): void;
  unmount(done: (error: Error | null) => void): void;
  /**
   * Inner methods, replaced because the public ones do not say how much room there is: the package would make the
   * library hand out memory beyond its buffer. `signal(result, memory)` answers; `room` is the memory.
   */
  _op_getxattr: (
    signal: (result: number, memory: ArrayBufferLike) => void,
    path: string,
    name: string,
    room: Uint8Array,
  ) => void;
  _op_listxattr: (
    signal: (result: number, memory: ArrayBufferLike) => void,
    path: string,
    room: Uint8Array,
  ) => void;
}

/** The package's class. */
export interface NativeFuseClass {
  new (mountPoint: string, operations: NativeOperations, options: NativeOptions): NativeFuse;
  /** Replaced: the package's own gives the path to a shell. */
  unmount: (mountPoint: string, done: (error: Error | null) => void) => void;
}

/** Where the package keeps its own libfuse 2; its binary names the library but not this place. */
const LIBRARY = "prebuilds/linux-x64/libfuse.so";

/**
 * Loads the package `fuse-native`, which has a binary for x64 only, and the libfuse 2 that it brings along.
 *
 * @throws {Error} When it is not installed or has no binary for this machine.
 */
export function loadFuseNative(): NativeFuseClass {
  const require = createRequire(import.meta.url);
  loadSharedLibrary(join(dirname(require.resolve("fuse-native/package.json")), LIBRARY));
  const loaded: unknown = require("fuse-native");
  if (!isFuseClass(loaded)) throw new TypeError("fuse-native is not the version this is made for");
  return loaded;
}

function isFuseClass(loaded: unknown): loaded is NativeFuseClass {
  if (typeof loaded !== "function" || !("unmount" in loaded)) return false;
  const prototype: unknown = loaded.prototype;
  return (
    typeof prototype === "object" &&
    prototype !== null &&
    "_op_getxattr" in prototype &&
    "_op_listxattr" in prototype
  );
}
