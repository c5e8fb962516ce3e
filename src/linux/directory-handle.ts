import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { closeDescriptor, OPEN_FLAGS, openAt } from "./open-at.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

const LIST_BYTES = 64 * 1024;
const NAME_AT = 19;
const DOT = 0x2e;

let getdents64: LibcFunction | undefined;

/**
 * An open directory: names in it are reached through its descriptor, whatever happens to its path meanwhile.
 *
 * Whoever opens it closes it.
 */
export class DirectoryHandle {
  /** Descriptor, valid until {@link close}. */
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens a path from outside, following symbolic links. */
  static openPath(path: Uint8Array): DirectoryHandle {
    return new DirectoryHandle(openAt(AT_FDCWD, path, DIRECTORY_FLAGS));
  }

  /** Takes over a descriptor of a directory that another thread opened and will not close. */
  static adopt(fd: number): DirectoryHandle {
    return new DirectoryHandle(fd);
  }

  /**
   * Opens a directory inside this one; never through a symbolic link.
   *
   * @throws {SystemError} `ENOTDIR` or `ELOOP` when the name is something else.
   */
  openChild(name: Uint8Array): DirectoryHandle {
    return new DirectoryHandle(openAt(this.fd, name, DIRECTORY_FLAGS | OPEN_FLAGS.noFollow));
  }

  /** Names in the directory without `.` and `..`, owned, in the order of the file system. */
  readNames(): Uint8Array[] {
    getdents64 ??= bindLibc("int64_t getdents64(int fd, uintptr_t entries, size_t size)");
    const { result, view, resultAddress } = scratchMemory();
    const names: Uint8Array[] = [];
    for (;;) {
      const size = getdents64(this.fd, resultAddress, LIST_BYTES);
      if (size < 0) {
        if (lastErrno() === errnoNumber("EINTR")) continue;
        throw lastSystemError("getdents64");
      }
      if (size === 0) return names;
      const block = result.slice(0, size); // One copy for all names of the block.
      for (let at = 0; at < size; at += view.getUint16(at + 16, true)) {
        const start = at + NAME_AT;
        const end = block.indexOf(0, start);
        if (isDots(block, start, end)) continue;
        names.push(block.subarray(start, end));
      }
    }
  }

  /** Ends the use of the descriptor. */
  close(): void {
    closeDescriptor(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const AT_FDCWD = -100;
const DIRECTORY_FLAGS = OPEN_FLAGS.read | OPEN_FLAGS.directory;

function isDots(bytes: Uint8Array, start: number, end: number): boolean {
  const size = end - start;
  return (
    (size === 1 && bytes[start] === DOT) ||
    (size === 2 && bytes[start] === DOT && bytes[start + 1] === DOT)
  );
}
