import { type ResidentSource } from "../bytes/resident-source.ts";
import { FormatError } from "../format-error.ts";
import { ITEM_HEADER_BYTES, type PxarItemType } from "./item.ts";

/** Bytes read at once when an item at an unknown place is wanted: nearly every entry fits. */
const WINDOW_BYTES = 4096;

/**
 * Little-endian reads at archive offsets, over one stretch of a `ResidentSource` that moves on demand.
 *
 * Holds what the last read of the source returned, so it owns the source while an operation runs and must be
 * {@link clear}ed at the start of the next. Offsets are checked against {@link limit} before anything is read.
 */
export class ArchiveWindow {
  readonly #source: ResidentSource;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = 0;
  /** Nothing at or behind this offset belongs to what is being decoded. */
  limit: number;

  /** Starts empty, over the whole source. */
  constructor(source: ResidentSource) {
    this.#source = source;
    this.limit = source.size;
  }

  /** Forgets the bytes of the last operation, and sets the limit of the next. */
  clear(limit: number): void {
    this.#end = this.#start;
    this.limit = limit;
  }

  /** Makes `offset` to `end` the window; the range must lie below the limit. */
  load(offset: number, end: number): void {
    this.#bytes = this.#source.read(offset, end - offset);
    if (this.#bytes.length < end - offset) throw truncated(offset, end - offset);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    this.#start = offset;
    this.#end = end;
  }

  /** Low half of the 64 bits at `offset`, signed. */
  low(offset: number): number {
    const at = this.#at(offset, 8); // First: it may replace the view.
    return this.#view.getInt32(at, true);
  }

  /** High half of the 64 bits at `offset`, signed. */
  high(offset: number): number {
    const at = this.#at(offset, 8);
    return this.#view.getInt32(at + 4, true);
  }

  /** Unsigned 32 bits. */
  u32(offset: number): number {
    const at = this.#at(offset, 4);
    return this.#view.getUint32(at, true);
  }

  /** Unsigned 64 bits that are an identity. */
  u64(offset: number): bigint {
    const at = this.#at(offset, 8);
    return this.#view.getBigUint64(at, true);
  }

  /**
   * Unsigned 64 bits that are a size or offset.
   *
   * @throws {FormatError} `FORMAT_OUT_OF_RANGE` above 2^53−1.
   */
  size(offset: number): number {
    const at = this.#at(offset, 8);
    const high = this.#view.getUint32(at + 4, true);
    if (high > 0x1f_ffff) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", `a size at offset ${offset}`);
    }
    return high * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  /**
   * Signed 64 bits of seconds.
   *
   * @throws {FormatError} `FORMAT_OUT_OF_RANGE` beyond ±2^53.
   */
  seconds(offset: number): number {
    const at = this.#at(offset, 8);
    const high = this.#view.getInt32(at + 4, true);
    if (high > 0x1f_ffff || high < -0x20_0000) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", `a time at offset ${offset}`);
    }
    return high * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  /** Bytes `offset` to `offset + size`, owned. */
  copy(offset: number, size: number): Uint8Array {
    const at = this.#at(offset, size);
    return this.#bytes.slice(at, at + size);
  }

  /** Offset of the first NUL from `offset` up to `end`, `end` when there is none. */
  findNul(offset: number, end: number): number {
    const at = this.#at(offset, end - offset);
    const stop = at + end - offset;
    let i = at;
    while (i < stop && this.#bytes[i] !== 0) i++;
    return offset + i - at;
  }

  /** Whether the item at `offset` is of this type. */
  isType(offset: number, type: PxarItemType): boolean {
    return this.low(offset) === type.low && this.high(offset) === type.high;
  }

  /**
   * Checks the size of the item at `offset`, which is known to be of `type`.
   *
   * @returns Offset behind the item, below or at the limit.
   * @throws {FormatError} `FORMAT_INVALID` for a size the type does not allow, `FORMAT_TRUNCATED` beyond the limit.
   */
  itemEnd(offset: number, type: PxarItemType): number {
    const fullSize = this.size(offset + 8);
    const contentSize = fullSize - ITEM_HEADER_BYTES;
    if (contentSize < type.contentMin || contentSize > type.contentMax) {
      throw new FormatError(
        "FORMAT_INVALID",
        "pxar archive",
        `a ${type.name} item of ${fullSize} bytes at offset ${offset}`,
      );
    }
    if (fullSize > this.limit - offset) throw truncated(offset, fullSize);
    return offset + fullSize;
  }

  /** Index of `offset` in the window, which is moved when the range is not in it. */
  #at(offset: number, size: number): number {
    if (offset < this.#start || offset + size > this.#end) {
      if (size > this.limit - offset) throw truncated(offset, size);
      this.#loadAround(offset, size);
    }
    return offset - this.#start;
  }

  /** What lies behind the wanted bytes may be damaged without harm to them. */
  #loadAround(offset: number, size: number): void {
    const windowBytes = Math.min(Math.max(size, WINDOW_BYTES), this.limit - offset);
    try {
      this.load(offset, offset + windowBytes);
    } catch (error) {
      if (!(error instanceof FormatError) || windowBytes === size) throw error;
      this.load(offset, offset + size);
    }
  }
}

function truncated(offset: number, size: number): FormatError {
  return new FormatError(
    "FORMAT_TRUNCATED",
    "pxar archive",
    `${size} bytes at offset ${offset} reach beyond what holds them`,
  );
}
