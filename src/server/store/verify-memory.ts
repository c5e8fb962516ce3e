import { RegionPool } from "../../chunks/region-pool.ts";
import { type BackupError } from "../../format/backup-error.ts";
import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { KnownChunks } from "./known-chunks.ts";

/** A chunk that was read and is sound. */
export interface GoodChunk {
  readonly isEncrypted: boolean;
  /** Bytes of plaintext; of an encrypted chunk, what the first index said. */
  readonly size: number;
}

/** Stands for "encrypted" in a size; no chunk is that long. */
const ENCRYPTED_BIT = 0x8000_0000;

/** Sound chunks by digest, in 36 bytes a slot: a run may meet millions. */
export class GoodChunks {
  readonly #known: KnownChunks;

  /**
   * Starts empty.
   *
   * @param seed 32 random bits: clients choose the digests of encrypted chunks.
   */
  constructor(seed: number) {
    this.#known = new KnownChunks(seed);
  }

  /** Number of chunks. */
  get count(): number {
    return this.#known.count;
  }

  /** Remembers a chunk. */
  add(digest: Digest, { isEncrypted, size }: GoodChunk): void {
    this.#known.add(digest, isEncrypted ? size + ENCRYPTED_BIT : size);
  }

  /** What is known of a chunk given as 32 borrowed bytes. */
  find(digest: Uint8Array): GoodChunk | undefined {
    const stored = this.#known.sizeOf(digest);
    if (stored === undefined) return undefined;
    const isEncrypted = stored >= ENCRYPTED_BIT;
    return { isEncrypted, size: isEncrypted ? stored - ENCRYPTED_BIT : stored };
  }

  /** Whether a chunk is known to be sound. */
  has(digest: Digest): boolean {
    return this.find(fromHex(digest)) !== undefined;
  }
}

/** What one verification run knows already: every chunk is read at most once per run (spec datastore.md §8.1). */
export interface VerifyMemory {
  readonly good: GoodChunks;
  /** What is wrong with a bad one. */
  readonly bad: Map<Digest, BackupError>;
  /** Where blobs lie while they are verified; those for which there is no room get memory of their own. */
  readonly regions: RegionPool;
}

/** Bytes of blobs that are read and verified at the same time and need no new memory. */
const REGION_BYTES = 32 * 1024 * 1024;

/**
 * A run that knows nothing yet.
 *
 * @param seed 32 random bits.
 */
export function newVerifyMemory(seed = 0): VerifyMemory {
  return {
    good: new GoodChunks(seed),
    bad: new Map(),
    regions: new RegionPool({ bytes: REGION_BYTES }),
  };
}
