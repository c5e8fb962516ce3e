import koffi from "koffi";

import { SystemError } from "./system-error.ts";

/** Bytes of the part of the scratch memory that holds a name or path, with its NUL. */
const NAME_BYTES = 8192;

/** Bytes of the part that system calls write their results to; xattr lists and values end at 64 KiB in Linux. */
const RESULT_BYTES = 128 * 1024;

/**
 * Memory of this thread at an address that does not change, for names given to and structures filled by system calls.
 *
 * Passing an address as a number spares the conversion of a typed array on every call. Every function of this folder
 * may overwrite it, so what it holds is valid until the next system call only.
 */
export interface ScratchMemory {
  /** Where results lie. */
  readonly result: Uint8Array;
  /** The same bytes as {@link result}, for reading structures. */
  readonly view: DataView;
  /** Address of {@link result}. */
  readonly resultAddress: number;
  /**
   * Copies a name, adds a NUL and gives its address.
   *
   * @throws {SystemError} `EINVAL` for a name with a NUL in it, which the kernel would see cut short, and
   *   `ENAMETOOLONG`.
   */
  readonly putName: (name: Uint8Array) => number;
  /** Like {@link putName}, in a second place: for calls that take two names. */
  readonly putSecondName: (name: Uint8Array) => number;
}

let memory: ScratchMemory | undefined;

/** The scratch memory of this thread, made on first use. */
export function scratchMemory(): ScratchMemory {
  memory ??= makeScratchMemory();
  return memory;
}

/**
 * Address of borrowed bytes, valid as long as the caller keeps their buffer.
 *
 * Not for arrays of up to 64 bytes: V8 may keep those in its own heap and move them.
 */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

function makeScratchMemory(): ScratchMemory {
  const bytes = new Uint8Array(new SharedArrayBuffer(2 * NAME_BYTES + RESULT_BYTES));
  const address = addressOf(bytes);
  const result = bytes.subarray(2 * NAME_BYTES);
  const put = (name: Uint8Array, at: number): number => {
    if (name.length >= NAME_BYTES) throw new SystemError("ENAMETOOLONG", "use name");
    if (name.includes(0)) throw new SystemError("EINVAL", "use name", Buffer.from(name).toString());
    bytes.set(name, at);
    bytes[at + name.length] = 0;
    return address + at;
  };
  return {
    result,
    view: new DataView(result.buffer, result.byteOffset, result.byteLength),
    resultAddress: address + 2 * NAME_BYTES,
    putName: (name) => put(name, 0),
    putSecondName: (name) => put(name, NAME_BYTES),
  };
}
