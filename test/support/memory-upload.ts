import { type CutUpload } from "../../src/client/archive/upload-cuts.ts";
import { type ArchiveEntry } from "../../src/client/session/archive-upload.ts";
import { decodeBlob } from "../../src/format/chunk/data-blob.ts";
import { type Digest } from "../../src/format/chunk/digest.ts";
import { type CryptKey } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder } from "../../src/format/index/dynamic-index.ts";
import { CHUNK_BYTES_MAX } from "../../src/format/limits.ts";

const provider = createNativeProvider();

/** Chunks of a server, by name; blobs as they were uploaded. */
export type MemoryStore = Map<Digest, { readonly blob: Uint8Array; readonly size: number }>;

/** An archive that is kept in memory instead of being uploaded. */
export class MemoryUpload implements CutUpload {
  readonly #store: MemoryStore;
  readonly #index = new DynamicIndexBuilder(provider);
  readonly #digests: Digest[] = [];
  /** Plaintext bytes of chunks that were not known. */
  uploadedBytes = 0;
  /** Ends of the chunks, in order. */
  readonly ends: number[] = [];

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  isKnown(digest: Digest): boolean {
    return this.#store.has(digest);
  }

  async add(entry: ArchiveEntry): Promise<void> {
    if ("blob" in entry && !this.#store.has(entry.digest)) {
      this.#store.set(entry.digest, { blob: await entry.blob, size: entry.size });
      this.uploadedBytes += entry.size;
    }
    if ("blob" in entry) entry.onSettled?.();
    const stored = this.#store.get(entry.digest);
    if (stored?.size !== entry.size) throw new Error("a chunk was added that nobody uploaded");
    this.#index.append(entry.size, entry.digest);
    this.#digests.push(entry.digest);
    this.ends.push(this.#index.size);
  }

  /** Digest of the index. */
  csum(): string {
    return this.#index.csum();
  }

  /** The `.didx` file. */
  file(): Uint8Array {
    return this.#index.build({ uuid: new Uint8Array(16), createdAtSec: 0n });
  }

  /** Plaintext of one chunk. */
  chunk(i: number, key?: CryptKey): Uint8Array {
    const stored = this.#store.get(this.#digests[i]!);
    if (!stored) throw new Error("no such chunk");
    const options = { sizeMax: CHUNK_BYTES_MAX, key, what: "chunk" };
    return decodeBlob(provider, stored.blob, options);
  }

  /** The whole archive. */
  content(key?: CryptKey): Uint8Array {
    return Buffer.concat(this.#digests.map((_, i) => this.chunk(i, key)));
  }
}
