import { FormatError } from "../format/format-error.ts";
import { FUSE_REQUEST_HEADER_BYTES, fuseOpcodes } from "./fuse-protocol.ts";

/** What a request asks for, with the fields that a read-only file system looks at. */
export type FuseOperation =
  | {
      readonly kind: "init";
      readonly major: number;
      readonly minor: number;
      readonly maxReadahead: number;
      readonly flags: number;
    }
  | { readonly kind: "lookup"; readonly name: Uint8Array }
  | { readonly kind: "forget"; readonly forgotten: readonly ForgottenInode[] }
  | { readonly kind: "getattr" }
  | { readonly kind: "readlink" }
  | { readonly kind: "open"; readonly writes: boolean }
  | { readonly kind: "read"; readonly offset: number; readonly size: number }
  | { readonly kind: "opendir" }
  | {
      readonly kind: "readdir" | "readdirplus";
      readonly handle: number;
      readonly offset: number;
      readonly size: number;
    }
  | { readonly kind: "releasedir"; readonly handle: number }
  | { readonly kind: "getxattr"; readonly name: Uint8Array; readonly size: number }
  | { readonly kind: "listxattr"; readonly size: number }
  | { readonly kind: "statfs" }
  | { readonly kind: "lseek"; readonly offset: number; readonly whence: number }
  | { readonly kind: "interrupt"; readonly target: number }
  /** Any request that would change something. */
  | { readonly kind: "change" }
  /** Notices that need a plain acknowledgement. */
  | { readonly kind: "release" | "destroy" }
  | { readonly kind: "unsupported"; readonly opcode: number }
  /** The body is not what the opcode promises; there is still a reply to give. */
  | { readonly kind: "malformed" };

/** References to an inode that the kernel gives back. */
export interface ForgottenInode {
  readonly ino: number;
  readonly count: number;
}

/** A request of the kernel. */
export interface FuseRequest {
  /** Names the request in its reply. */
  readonly unique: number;
  /** Inode the request is about; 0 for some. */
  readonly ino: number;
  /** Thread that waits for the reply; 0 when it is none we can see, as for read-ahead. */
  readonly thread: number;
  readonly operation: FuseOperation;
}

const WHAT = "FUSE request";
const ACCESS_MODE_MASK = 3;

const changingOpcodes: ReadonlySet<number> = new Set([
  fuseOpcodes.setattr,
  fuseOpcodes.symlink,
  fuseOpcodes.mknod,
  fuseOpcodes.mkdir,
  fuseOpcodes.unlink,
  fuseOpcodes.rmdir,
  fuseOpcodes.rename,
  fuseOpcodes.rename2,
  fuseOpcodes.link,
  fuseOpcodes.write,
  fuseOpcodes.create,
  fuseOpcodes.setxattr,
  fuseOpcodes.removexattr,
  fuseOpcodes.fallocate,
  fuseOpcodes.copyFileRange,
  fuseOpcodes.tmpfile,
]);

/** Decodes the requests that are read, one after another, into one piece of memory. */
export class FuseRequestDecoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** Works over `bytes`, which stays the caller's and is overwritten by the next request. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Decodes the request that occupies the first `size` bytes.
   *
   * @returns Names in it are borrowed: valid until the memory is overwritten.
   * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_INVALID`: not even a header that could be replied to.
   * @see linux/fuse.h, struct fuse_in_header and the struct of each opcode
   */
  decode(size: number): FuseRequest {
    if (size < FUSE_REQUEST_HEADER_BYTES) throw new FormatError("FORMAT_TRUNCATED", WHAT);
    if (this.#view.getUint32(0, true) !== size) {
      throw new FormatError("FORMAT_INVALID", WHAT, "its length is not what was read");
    }
    const opcode = this.#view.getUint32(4, true);
    return {
      unique: this.#readU64(8),
      ino: this.#readU64(16),
      thread: this.#view.getUint32(32, true),
      operation: this.#tryDecodeOperation(opcode, size),
    };
  }

  /** Whoever sent a request waits for its reply, so a body that cannot be read must not end in none. */
  #tryDecodeOperation(opcode: number, size: number): FuseOperation {
    try {
      return this.#decodeOperation(opcode, size);
    } catch (error) {
      if (error instanceof FormatError) return { kind: "malformed" };
      throw error;
    }
  }

  #decodeOperation(opcode: number, size: number): FuseOperation {
    if (changingOpcodes.has(opcode)) return { kind: "change" };
    const body = FUSE_REQUEST_HEADER_BYTES;
    const view = this.#view;
    switch (opcode) {
      case fuseOpcodes.lookup:
        return { kind: "lookup", name: this.#readName(body, size) };
      case fuseOpcodes.getattr:
        return { kind: "getattr" };
      case fuseOpcodes.read:
        checkBody(size, 24);
        return {
          kind: "read",
          offset: this.#readU64(body + 8),
          size: view.getUint32(body + 16, true),
        };
      case fuseOpcodes.readdir:
      case fuseOpcodes.readdirplus:
        checkBody(size, 24);
        return {
          kind: opcode === fuseOpcodes.readdir ? "readdir" : "readdirplus",
          handle: this.#readU64(body),
          offset: this.#readU64(body + 8),
          size: view.getUint32(body + 16, true),
        };
      case fuseOpcodes.opendir:
        return { kind: "opendir" };
      case fuseOpcodes.releasedir:
        checkBody(size, 8);
        return { kind: "releasedir", handle: this.#readU64(body) };
      case fuseOpcodes.forget:
        checkBody(size, 8);
        return {
          kind: "forget",
          forgotten: [{ ino: this.#readU64(16), count: this.#readU64(body) }],
        };
      case fuseOpcodes.batchForget:
        checkBody(size, 8);
        return {
          kind: "forget",
          forgotten: this.#readForgotten(view.getUint32(body, true), body + 8, size),
        };
      case fuseOpcodes.readlink:
        return { kind: "readlink" };
      case fuseOpcodes.open:
        checkBody(size, 4);
        return { kind: "open", writes: (view.getUint32(body, true) & ACCESS_MODE_MASK) !== 0 };
      case fuseOpcodes.getxattr:
        checkBody(size, 8);
        return {
          kind: "getxattr",
          size: view.getUint32(body, true),
          name: this.#readName(body + 8, size),
        };
      case fuseOpcodes.listxattr:
        checkBody(size, 8);
        return { kind: "listxattr", size: view.getUint32(body, true) };
      case fuseOpcodes.statfs:
        return { kind: "statfs" };
      case fuseOpcodes.lseek:
        checkBody(size, 24);
        return {
          kind: "lseek",
          offset: this.#readU64(body + 8),
          whence: view.getUint32(body + 16, true),
        };
      case fuseOpcodes.interrupt:
        checkBody(size, 8);
        return { kind: "interrupt", target: this.#readU64(body) };
      case fuseOpcodes.init:
        checkBody(size, 16);
        return {
          kind: "init",
          major: view.getUint32(body, true),
          minor: view.getUint32(body + 4, true),
          maxReadahead: view.getUint32(body + 8, true),
          flags: view.getUint32(body + 12, true),
        };
      case fuseOpcodes.release:
        return { kind: "release" };
      case fuseOpcodes.destroy:
        return { kind: "destroy" };
      default:
        return { kind: "unsupported", opcode };
    }
  }

  #readForgotten(count: number, start: number, size: number): ForgottenInode[] {
    if ((size - start) / 16 < count) throw new FormatError("FORMAT_TRUNCATED", WHAT);
    const forgotten: ForgottenInode[] = [];
    for (let at = start; at < start + count * 16; at += 16) {
      forgotten.push({ ino: this.#readU64(at), count: this.#readU64(at + 8) });
    }
    return forgotten;
  }

  /** Bytes up to the NUL that ends every name. */
  #readName(start: number, size: number): Uint8Array {
    const end = this.#bytes.indexOf(0, start);
    if (end === -1 || end >= size) throw new FormatError("FORMAT_TRUNCATED", WHAT);
    return this.#bytes.subarray(start, end);
  }

  /** An offset or identity; what users can make larger than 2^53−1 is beyond every file, and stays so when rounded. */
  #readU64(at: number): number {
    return this.#view.getUint32(at + 4, true) * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }
}

function checkBody(size: number, bodyBytes: number): void {
  if (size < FUSE_REQUEST_HEADER_BYTES + bodyBytes) throw new FormatError("FORMAT_TRUNCATED", WHAT);
}
