/**
 * Where the bytes of an image go that can be written in any order.
 *
 * Calls of the two writing methods may overlap; the bytes are borrowed until the promise settles. One of the other methods
 * is called once, when no writing is under way, and closes what is open.
 */
export interface ImageTarget {
  /** Writes a piece that may contain runs of zeros. */
  write(piece: Uint8Array, offset: number): Promise<void>;
  /** Makes a range read as zeros. */
  writeZeros(offset: number, size: number): Promise<void>;
  /** Everything was written. */
  finish(): Promise<void>;
  /** Everything but some ranges was written; says where it is now, for people. */
  finishDamaged(): Promise<string>;
  /** Gives up. */
  discard(): Promise<void>;
}
