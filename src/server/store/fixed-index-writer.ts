import { toHex } from "../../format/bytes/hex.ts";
import { DIGEST_BYTES } from "../../format/chunk/digest.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import {
  encodeIndexHeader,
  INDEX_HEADER_BYTES,
  type IndexStamp,
} from "../../format/index/index-header.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { addUploads, type IndexClose, type IndexReport, NO_UPLOADS } from "./index-report.ts";
import { type ChunkUploadStats } from "../../format/manifest/manifest-summary.ts";
import { ENTRY_BUFFER_BYTES, type IndexWriter, uuidText } from "./index-writer.ts";
import { type Durability, type StagedFile } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/** Bytes of entries read back at once for the checksum. */
const READ_BACK_BYTES = 1024 * 1024;

/** What is known of an image when its index is begun. */
export interface FixedIndexPlan {
  /** Bytes of the image; `undefined` when it comes from a pipe and ends where it ends (spec index.md §6.4). */
  readonly size: number | undefined;
  /** Index of the base snapshot, whose chunks stay where nothing else is appended (spec index.md §6.3). */
  readonly reused: ChunkIndex | undefined;
}

/**
 * Writes a `.fidx` file, in any order of positions (spec index.md §6.2).
 *
 * Neighbouring entries are collected and written together; nothing else is kept, so the checksum is computed over what
 * is read back. Calls must not overlap.
 */
export class FixedIndexWriter implements IndexWriter {
  readonly kind = "fixed";
  readonly archive: string;
  readonly #file: StagedFile;
  readonly #stamp: IndexStamp;
  readonly #codec: CodecProvider;
  readonly #isIncremental: boolean;
  /** Bytes of the image, as far as they are known. */
  #size: number;
  /** Whether the image may still grow. */
  #isOpenEnded: boolean;
  #chunkCount = 0;
  #shortUploads = 0;
  #uploads: ChunkUploadStats = NO_UPLOADS;
  /** Entries not written yet, for positions from `#runStart` on. */
  readonly #run = new Uint8Array(ENTRY_BUFFER_BYTES);
  #runStart = 0;
  #runCount = 0;

  /** Takes over the staged file; disposal gives it back. Call {@link begin} next. */
  constructor(
    archive: string,
    file: StagedFile,
    options: { stamp: IndexStamp; plan: FixedIndexPlan; codec: CodecProvider },
  ) {
    this.archive = archive;
    this.#file = file;
    this.#stamp = options.stamp;
    this.#codec = options.codec;
    this.#isIncremental = options.plan.reused !== undefined;
    this.#isOpenEnded = options.plan.size === undefined;
    this.#size = options.plan.size ?? 0;
  }

  /** Copies the entries of the reused index. */
  async begin(plan: FixedIndexPlan): Promise<void> {
    if (!plan.reused) return;
    const shared = Math.min(plan.reused.count, this.#positions());
    await this.#file.writeAt(
      INDEX_HEADER_BYTES,
      plan.reused.entries.subarray(0, shared * DIGEST_BYTES),
    );
  }

  checkUpload(size: number): void {
    if (size > FIXED_CHUNK_BYTES) {
      throw this.#refused(`got large chunk (${size} > ${FIXED_CHUNK_BYTES})`);
    }
    if (size < FIXED_CHUNK_BYTES && ++this.#shortUploads > 1) {
      throw this.#refused("detected multiple end chunks (chunk size too small)");
    }
  }

  countUpload(stats: ChunkUploadStats): void {
    this.#uploads = addUploads(this.#uploads, stats);
  }

  async append(digest: Uint8Array, offset: number, size: number): Promise<void> {
    const end = offset + size;
    const isLast = this.#isOpenEnded ? end >= this.#size : end === this.#size;
    if (!this.#isOpenEnded && end > this.#size) {
      throw this.#refused(`chunk data exceeds size (${end} >= ${this.#size})`);
    }
    if (size !== FIXED_CHUNK_BYTES && (size > FIXED_CHUNK_BYTES || !isLast)) {
      throw this.#refused(`chunk with unexpected length (${size} != ${FIXED_CHUNK_BYTES})`);
    }
    if (offset % FIXED_CHUNK_BYTES !== 0) {
      throw this.#refused(`got unaligned chunk (pos = ${offset})`);
    }
    if (this.#isOpenEnded) {
      this.#size = Math.max(this.#size, end);
      if (size < FIXED_CHUNK_BYTES) this.#isOpenEnded = false;
    }
    this.#chunkCount += 1;
    await this.#setEntry(offset / FIXED_CHUNK_BYTES, digest);
  }

  async close(claim: IndexClose, durability: Durability): Promise<IndexReport> {
    const { chunkCount } = claim;
    if (this.#chunkCount !== chunkCount) {
      throw this.#closeRefused(
        `received wrong number of chunk (${this.#chunkCount} != ${chunkCount})`,
      );
    }
    if (!this.#isIncremental) {
      const positions = this.#positions();
      if (positions !== chunkCount) {
        throw this.#closeRefused(`unexpected chunk count (${positions} != ${chunkCount})`);
      }
      if (this.#size !== claim.size) {
        throw this.#closeRefused(`unexpected file size (${this.#size} != ${claim.size})`);
      }
    }
    if (this.#size === 0) throw this.#closeRefused("the image is empty");
    await this.#flush();
    const csum = await this.#readBackCsum();
    if (csum !== claim.csum) throw this.#closeRefused("got unexpected checksum");
    const header = { ...this.#stamp, csum, size: this.#size, chunkBytes: FIXED_CHUNK_BYTES };
    await this.#file.writeAt(0, encodeIndexHeader("fixed", header));
    await this.#file.publish(this.#fileBytes(), durability);
    return {
      archive: this.archive,
      uuid: uuidText(this.#stamp.uuid),
      csum,
      size: this.#size,
      chunkCount,
      uploads: this.#uploads,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async #setEntry(position: number, digest: Uint8Array): Promise<void> {
    const room = this.#run.length / DIGEST_BYTES;
    if (position !== this.#runStart + this.#runCount || this.#runCount === room) {
      await this.#flush();
      this.#runStart = position;
    }
    this.#run.set(digest, this.#runCount * DIGEST_BYTES);
    this.#runCount += 1;
  }

  async #flush(): Promise<void> {
    if (this.#runCount === 0) return;
    const entries = this.#run.subarray(0, this.#runCount * DIGEST_BYTES);
    await this.#file.writeAt(INDEX_HEADER_BYTES + this.#runStart * DIGEST_BYTES, entries);
    this.#runStart += this.#runCount;
    this.#runCount = 0;
  }

  async #readBackCsum(): Promise<string> {
    const hash = this.#codec.sha256Stream();
    const end = this.#fileBytes();
    for (let offset = INDEX_HEADER_BYTES; offset < end;) {
      const wanted = Math.min(READ_BACK_BYTES, end - offset);
      const entries = await this.#file.readAt(offset, wanted);
      hash.update(entries);
      // Positions that were never set read as zero, also behind the last one that was.
      if (entries.length < wanted) hash.update(new Uint8Array(wanted - entries.length));
      offset += wanted;
    }
    return toHex(hash.digest());
  }

  #positions(): number {
    return Math.ceil(this.#size / FIXED_CHUNK_BYTES);
  }

  #fileBytes(): number {
    return INDEX_HEADER_BYTES + this.#positions() * DIGEST_BYTES;
  }

  #refused(reason: string): StoreError {
    return new StoreError("STORE_UPLOAD_REFUSED", `fixed writer '${this.archive}' - ${reason}`);
  }

  #closeRefused(reason: string): StoreError {
    return new StoreError(
      "STORE_UPLOAD_REFUSED",
      `fixed writer '${this.archive}' close failed - ${reason}`,
    );
  }
}
