import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest, DIGEST_BYTES } from "../../format/chunk/digest.ts";

const FIRST_CAPACITY = 1024;
/** Slots looked at in one step of a walk over all. */
const WALK_SLOTS = 1024;
/** Odd, close to 2^32 divided by the golden ratio: spreads neighbouring words (Knuth, TAOCP volume 3, 6.4). */
const MULTIPLIER = 0x9e3779b1;
/** Highest share of used slots: probing stays short because digests are evenly spread. */
const LOAD_MAX = 0.7;

/**
 * The chunks that a backup session may reference, with the length of their plaintext.
 *
 * A hash table in typed arrays, open addressing with linear probing, 36 bytes per slot: a third of what a `Map` with
 * strings takes. The hash is seeded, because clients choose the digests of encrypted chunks as they like. Nothing is ever
 * removed.
 */
export class KnownChunks {
  #digests = new Uint8Array(FIRST_CAPACITY * DIGEST_BYTES);
  /** Length of each slot's chunk; 0 marks a free slot, because no chunk is empty. */
  #sizes = new Uint32Array(FIRST_CAPACITY);
  #count = 0;
  readonly #seed: number;

  /**
   * Starts empty.
   *
   * @param seed 32 random bits.
   */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Number of different chunks. */
  get count(): number {
    return this.#count;
  }

  /** Registers a chunk given as text; the latest length counts. */
  add(digest: Digest, size: number): void {
    this.addBytes(fromHex(digest), size);
  }

  /** Registers a chunk given as 32 borrowed bytes. */
  addBytes(digest: Uint8Array, size: number): void {
    if (this.#count >= LOAD_MAX * this.#sizes.length) this.#grow();
    const slot = this.#slotOf(digest);
    if (this.#sizes[slot] === 0) {
      this.#digests.set(digest, slot * DIGEST_BYTES);
      this.#count++;
    }
    this.#sizes[slot] = size;
  }

  /** Length of a chunk given as 32 borrowed bytes; `undefined` when it was not registered. */
  sizeOf(digest: Uint8Array): number | undefined {
    const size = this.#sizes[this.#slotOf(digest)] ?? 0;
    return size === 0 ? undefined : size;
  }

  /** Whether a chunk was registered. */
  has(digest: Digest): boolean {
    return this.sizeOf(fromHex(digest)) !== undefined;
  }

  /**
   * All chunks, as blocks of digests one behind another, borrowed; what is added meanwhile may be missing.
   *
   * Between two blocks anything may happen to the set: it never changes the memory that a walk has begun with but by adding.
   */
  *blocks(): Generator<Uint8Array, void, void> {
    const digests = this.#digests;
    const sizes = this.#sizes;
    const block = new Uint8Array(WALK_SLOTS * DIGEST_BYTES);
    for (let start = 0; start < sizes.length; start += WALK_SLOTS) {
      let used = 0;
      const end = Math.min(start + WALK_SLOTS, sizes.length);
      for (let slot = start; slot < end; slot++) {
        if (sizes[slot] === 0) continue;
        block.set(digests.subarray(slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES), used);
        used += DIGEST_BYTES;
      }
      if (used > 0) yield block.subarray(0, used);
    }
  }

  /** Slot that holds the digest, or the free slot where it belongs. */
  #slotOf(digest: Uint8Array): number {
    const capacity = this.#sizes.length;
    let hash = this.#seed;
    for (let i = 0; i < DIGEST_BYTES; i += 4) {
      const word =
        (digest[i] ?? 0) |
        ((digest[i + 1] ?? 0) << 8) |
        ((digest[i + 2] ?? 0) << 16) |
        ((digest[i + 3] ?? 0) << 24);
      hash = Math.imul(hash ^ word, MULTIPLIER);
      hash ^= hash >>> 15;
    }
    let slot = (hash >>> 0) % capacity;
    while (this.#sizes[slot] !== 0 && !this.#holds(slot, digest)) slot = (slot + 1) % capacity;
    return slot;
  }

  #holds(slot: number, digest: Uint8Array): boolean {
    const start = slot * DIGEST_BYTES;
    for (let i = 0; i < DIGEST_BYTES; i++) {
      if (this.#digests[start + i] !== digest[i]) return false;
    }
    return true;
  }

  #grow(): void {
    const digests = this.#digests;
    const sizes = this.#sizes;
    this.#digests = new Uint8Array(2 * digests.length);
    this.#sizes = new Uint32Array(2 * sizes.length);
    for (let slot = 0; slot < sizes.length; slot++) {
      const size = sizes[slot] ?? 0;
      if (size === 0) continue;
      const digest = digests.subarray(slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES);
      const moved = this.#slotOf(digest);
      this.#digests.set(digest, moved * DIGEST_BYTES);
      this.#sizes[moved] = size;
    }
  }
}
