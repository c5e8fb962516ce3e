import { ByteWriter } from "../../format/bytes/byte-writer.ts";
import { toHex } from "../../format/bytes/hex.ts";
import { type CodecProvider, type Sha256Stream } from "../../format/crypto/codec-provider.ts";
import { DYNAMIC_ENTRY_BYTES } from "../../format/index/dynamic-index.ts";
import {
  encodeIndexHeader,
  INDEX_HEADER_BYTES,
  type IndexStamp,
} from "../../format/index/index-header.ts";
import { type ChunkUploadStats } from "../../format/manifest/manifest-summary.ts";
import { ENTRY_BUFFER_BYTES, type IndexWriter, uuidText } from "./index-writer.ts";
import { addUploads, type IndexClose, type IndexReport, NO_UPLOADS } from "./index-report.ts";
import { type Durability, type StagedFile } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/**
 * Writes a `.didx` file, entry by entry in stream order (spec index.md §6.1).
 *
 * Holds one buffer of entries and a running checksum, however long the archive is. Calls must not overlap.
 */
export class DynamicIndexWriter implements IndexWriter {
  readonly kind = "dynamic";
  readonly archive: string;
  readonly #file: StagedFile;
  readonly #stamp: IndexStamp;
  readonly #hash: Sha256Stream;
  readonly #buffer = new ByteWriter(ENTRY_BUFFER_BYTES);
  /** Place in the file of the buffer's first byte. */
  #flushed = INDEX_HEADER_BYTES;
  #size = 0;
  #chunkCount = 0;
  #uploads: ChunkUploadStats = NO_UPLOADS;

  /** Takes over the staged file; disposal gives it back. */
  constructor(archive: string, file: StagedFile, stamp: IndexStamp, codec: CodecProvider) {
    this.archive = archive;
    this.#file = file;
    this.#stamp = stamp;
    this.#hash = codec.sha256Stream();
  }

  checkUpload(): void {
    // Chunks of a dynamic index have any length that a chunk can have.
  }

  countUpload(stats: ChunkUploadStats): void {
    this.#uploads = addUploads(this.#uploads, stats);
  }

  async append(digest: Uint8Array, offset: number, size: number): Promise<void> {
    if (offset !== this.#size) {
      throw this.#refused("append chunk", `got strange chunk offset (${this.#size} != ${offset})`);
    }
    this.#size += size;
    this.#chunkCount += 1;
    this.#buffer.writeSize(this.#size);
    this.#buffer.write(digest);
    if (this.#buffer.position > ENTRY_BUFFER_BYTES - DYNAMIC_ENTRY_BYTES) await this.#flush();
  }

  async close(claim: IndexClose, durability: Durability): Promise<IndexReport> {
    if (this.#chunkCount !== claim.chunkCount) {
      throw this.#refused(
        "close",
        `unexpected chunk count (${this.#chunkCount} != ${claim.chunkCount})`,
      );
    }
    if (this.#size !== claim.size) {
      throw this.#refused("close", `unexpected file size (${this.#size} != ${claim.size})`);
    }
    await this.#flush();
    const csum = toHex(this.#hash.digest());
    if (csum !== claim.csum) throw this.#refused("close", "got unexpected checksum");
    const header = { ...this.#stamp, csum, size: 0, chunkBytes: 0 };
    await this.#file.writeAt(0, encodeIndexHeader("dynamic", header));
    await this.#file.publish(this.#flushed, durability);
    return {
      archive: this.archive,
      uuid: uuidText(this.#stamp.uuid),
      csum,
      size: this.#size,
      chunkCount: this.#chunkCount,
      uploads: this.#uploads,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async #flush(): Promise<void> {
    const entries = this.#buffer.view();
    this.#hash.update(entries);
    await this.#file.writeAt(this.#flushed, entries);
    this.#flushed += entries.length;
    this.#buffer.reset();
  }

  #refused(action: string, reason: string): StoreError {
    return new StoreError(
      "STORE_UPLOAD_REFUSED",
      `dynamic writer '${this.archive}' ${action} failed - ${reason}`,
    );
  }
}
