/**
 * Random access to bytes of which only a part is in memory right now.
 *
 * Code over it is synchronous and restartable: when a range is not in memory, `read` throws
 * {@link NotResident}; whoever called fetches what the error names and calls again. The same code then runs in a
 * thread that may block (backup), in one that parks the request (mount) and over an array (tests).
 * Restarting is cheap because an operation touches few chunks.
 */
export interface ResidentSource {
  /** Total bytes. */
  readonly size: number;
  /**
   * Bytes `offset` to `offset + size`, borrowed: valid until the next call.
   *
   * The range must lie inside the source; code that takes offsets from an archive checks them first.
   *
   * @throws {NotResident} When a part of the range has to be fetched first.
   */
  read(offset: number, size: number): Uint8Array;
}

/**
 * Says what has to be fetched before a restartable operation can run; not a failure.
 *
 * Carries no stack on purpose: it is thrown on every cache miss.
 */
export class NotResident {
  /** What to fetch; its shape is agreed between the source that throws and the host that fetches. */
  readonly need: unknown;

  constructor(need: unknown) {
    this.need = need;
  }
}

/** Bytes that are all in memory, as a {@link ResidentSource}. */
export function residentBytes(bytes: Uint8Array): ResidentSource {
  return {
    size: bytes.length,
    read: (offset, size) => bytes.subarray(offset, offset + size),
  };
}
