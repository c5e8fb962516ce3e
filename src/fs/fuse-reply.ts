import { type Attributes, type FileSystemStatus } from "./file-system.ts";
import { type ErrnoName, errnoNumbers } from "./fs-error.ts";
import {
  attributeValidity,
  validity,
  writeAttributes,
  writeEntry,
  writeU64,
} from "./fuse-attributes.ts";
import { type DirectoryListing, type DirectoryPage, writeDirectoryPage } from "./fuse-directory.ts";
import {
  FUSE_ATTRIBUTES_BYTES,
  FUSE_ENTRY_BYTES,
  FUSE_MAJOR,
  FUSE_NAME_BYTES_MAX,
  FUSE_REPLY_HEADER_BYTES,
  FUSE_TRANSFER_BYTES_MAX,
} from "./fuse-protocol.ts";

const BODY = FUSE_REPLY_HEADER_BYTES;
const STATUS_BLOCK_BYTES = 4096;
const PAGE_BYTES = 4096;
/** Requests the kernel may have in flight on its own account (read-ahead), and when it calls that congested. */
const BACKGROUND_MAX = 64;
const CONGESTION_THRESHOLD = 48;
/** Nothing is ever written, but the kernel wants room for one page. */
const WRITE_BYTES_MAX = 4096;

/** What was agreed in the INIT exchange. */
export interface FuseAgreement {
  readonly minor: number;
  readonly flags: number;
  readonly maxReadahead: number;
}

/**
 * Encodes replies, each at the start of one piece of memory that the next reply overwrites.
 *
 * Every method returns the size of the reply with its header. All are pure but for that memory.
 *
 * @see linux/fuse.h, struct fuse_out_header and the struct of each reply
 */
export class FuseReplyEncoder {
  /** Where replies are made, in memory whose address does not change. */
  readonly bytes: Uint8Array = new Uint8Array(
    new SharedArrayBuffer(BODY + FUSE_TRANSFER_BYTES_MAX),
  );
  readonly #view: DataView = new DataView(this.bytes.buffer);

  /** The failure of a request. */
  encodeError(unique: number, code: ErrnoName): number {
    return this.#finish(unique, 0, -errnoNumbers[code]);
  }

  /** The success of a request that has no result. */
  encodeEmpty(unique: number): number {
    return this.#finish(unique, 0);
  }

  /** The header of a result of `size` bytes that is sent from elsewhere. */
  encodeHeader(unique: number, size: number): number {
    this.#finish(unique, size);
    return BODY;
  }

  /** A result that is plain bytes: a link target, an attribute's value. */
  encodeBytes(unique: number, data: Uint8Array): number {
    this.bytes.set(data, BODY);
    return this.#finish(unique, data.length);
  }

  /** What a lookup found. */
  encodeEntry(unique: number, attributes: Attributes): number {
    writeEntry(this.#view, BODY, attributes);
    return this.#finish(unique, FUSE_ENTRY_BYTES);
  }

  /** That a lookup found nothing, and that the kernel may remember it (inode 0). */
  encodeNoEntry(unique: number): number {
    this.bytes.fill(0, BODY, BODY + FUSE_ENTRY_BYTES);
    writeU64(this.#view, BODY + 16, validity(undefined).seconds);
    return this.#finish(unique, FUSE_ENTRY_BYTES);
  }

  /** Attributes of an inode. */
  encodeAttributes(unique: number, attributes: Attributes): number {
    const { seconds, nanos } = attributeValidity(attributes);
    writeU64(this.#view, BODY, seconds);
    this.#view.setUint32(BODY + 8, nanos, true);
    this.#view.setUint32(BODY + 12, 0, true);
    writeAttributes(this.#view, BODY + 16, attributes);
    return this.#finish(unique, 16 + FUSE_ATTRIBUTES_BYTES);
  }

  /** A handle for an open directory, with flags of `fuseOpenFlags`. */
  encodeOpen(unique: number, handle: number, flags: number): number {
    writeU64(this.#view, BODY, handle);
    this.#view.setUint32(BODY + 8, flags, true);
    this.#view.setUint32(BODY + 12, 0, true);
    return this.#finish(unique, 16);
  }

  /** One page of a directory. */
  encodeDirectory(unique: number, listing: DirectoryListing, page: DirectoryPage): number {
    const size = Math.min(page.size, FUSE_TRANSFER_BYTES_MAX);
    const target = { bytes: this.bytes, view: this.#view, at: BODY };
    return this.#finish(unique, writeDirectoryPage(target, listing, { ...page, size }));
  }

  /** How long a value or list of extended attributes is, for a caller that asked with no room. */
  encodeAttributeSize(unique: number, size: number): number {
    this.#view.setUint32(BODY, size, true);
    this.#view.setUint32(BODY + 4, 0, true);
    return this.#finish(unique, 8);
  }

  /** An offset found by `lseek(2)`. */
  encodeOffset(unique: number, offset: number): number {
    writeU64(this.#view, BODY, offset);
    return this.#finish(unique, 8);
  }

  /** Figures for `statfs(2)`: nothing is free. */
  encodeStatus(unique: number, status: FileSystemStatus): number {
    this.bytes.fill(0, BODY, BODY + 80);
    writeU64(this.#view, BODY, Math.ceil(status.totalBytes / STATUS_BLOCK_BYTES));
    writeU64(this.#view, BODY + 24, status.inodeCount);
    this.#view.setUint32(BODY + 40, STATUS_BLOCK_BYTES, true);
    this.#view.setUint32(BODY + 44, FUSE_NAME_BYTES_MAX, true);
    this.#view.setUint32(BODY + 48, STATUS_BLOCK_BYTES, true);
    return this.#finish(unique, 80);
  }

  /** The answer to INIT; times are exact to the nanosecond and transfers have 256 pages. */
  encodeInit(unique: number, agreement: FuseAgreement): number {
    const view = this.#view;
    this.bytes.fill(0, BODY, BODY + 64);
    view.setUint32(BODY, FUSE_MAJOR, true);
    view.setUint32(BODY + 4, agreement.minor, true);
    view.setUint32(BODY + 8, agreement.maxReadahead, true);
    view.setUint32(BODY + 12, agreement.flags, true);
    view.setUint16(BODY + 16, BACKGROUND_MAX, true);
    view.setUint16(BODY + 18, CONGESTION_THRESHOLD, true);
    view.setUint32(BODY + 20, WRITE_BYTES_MAX, true);
    view.setUint32(BODY + 24, 1, true);
    view.setUint16(BODY + 28, FUSE_TRANSFER_BYTES_MAX / PAGE_BYTES, true);
    return this.#finish(unique, 64);
  }

  #finish(unique: number, bodySize: number, error = 0): number {
    this.#view.setUint32(0, BODY + bodySize, true);
    this.#view.setInt32(4, error, true);
    writeU64(this.#view, 8, unique);
    return BODY + bodySize;
  }
}
