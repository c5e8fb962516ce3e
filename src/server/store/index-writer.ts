import { toHex } from "../../format/bytes/hex.ts";
import { type ChunkUploadStats } from "../../format/manifest/manifest-summary.ts";
import { type IndexClose, type IndexReport } from "./index-report.ts";
import { type Durability } from "./store-backend.ts";

/** Bytes of entries that a writer collects before it writes them. */
export const ENTRY_BUFFER_BYTES: number = 64 * 1024;

/**
 * An index under construction on the server.
 *
 * Whoever calls sees to it that every appended chunk is in the store (W1) and that calls do not overlap. After a failed
 * call the index cannot be completed any more, except after a refused append (`STORE_UPLOAD_REFUSED`), which
 * changes nothing. Disposal removes what was not published.
 */
export interface IndexWriter extends AsyncDisposable {
  readonly kind: "dynamic" | "fixed";
  /** Name of the file that it becomes. */
  readonly archive: string;
  /**
   * Decides whether a chunk of `size` bytes of plaintext may be uploaded for this index.
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED`.
   */
  checkUpload(size: number): void;
  /** Adds to the statistics of this index. */
  countUpload(stats: ChunkUploadStats): void;
  /**
   * Puts a chunk into the archive.
   *
   * @param digest 32 borrowed bytes.
   * @param offset Archive offset of its first byte.
   * @param size Bytes of its plaintext.
   * @throws {StoreError} `STORE_UPLOAD_REFUSED` when it does not belong there.
   */
  append(digest: Uint8Array, offset: number, size: number): Promise<void>;
  /**
   * Compares the client's claim with what was appended and gives the file its final name (W2).
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED` when they differ.
   */
  close(claim: IndexClose, durability: Durability): Promise<IndexReport>;
}

/** Text of an index's identity as the task log shows it: 32 hexadecimal digits (spec backup-protocol.md §6). */
export function uuidText(uuid: Uint8Array): string {
  return toHex(uuid);
}

/** Makes 16 random bytes a version-4 UUID (spec index.md §1). */
export function uuidOfRandom(random: Uint8Array): Uint8Array {
  const uuid = random.slice(0, 16);
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}
