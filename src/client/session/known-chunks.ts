import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest, DIGEST_BYTES } from "../../format/chunk/digest.ts";

/** Share of slots in use at which the table doubles. */
const LOAD_MAX = 0.7;

const SLOTS_MIN = 1024;

/**
 * A set of chunk names that the server accepts in an index of this session without an upload.
 *
 * Names lie in one byte array with open addressing: 46 to 92 bytes for each, no objects, so that the millions of chunks
 * of a large previous backup fit. A name is a hash already, so its first bytes choose the slot.
 */
export class KnownChunks {
  #slots: Uint8Array = new Uint8Array(SLOTS_MIN * DIGEST_BYTES);
  #isUsed: Uint8Array = new Uint8Array(SLOTS_MIN);
  #count = 0;

  /** Number of names. */
  get count(): number {
    return this.#count;
  }

  /** Adds a name; nothing happens if it is there. */
  add(digest: Digest): void {
    this.addBytes(fromHex(digest));
  }

  /** Adds a name given as 32 borrowed bytes. */
  addBytes(digest: Uint8Array): void {
    if (this.#count + 1 > LOAD_MAX * this.#isUsed.length) this.#grow();
    const slot = this.#find(digest);
    if (this.#isUsed[slot] === 1) return;
    this.#put(slot, digest);
    this.#count += 1;
  }

  /** Tells whether a name is in the set. */
  has(digest: Digest): boolean {
    return this.#isUsed[this.#find(fromHex(digest))] === 1;
  }

  /** Slot of a name, or the free slot where it belongs. */
  #find(digest: Uint8Array): number {
    const mask = this.#isUsed.length - 1;
    const view = new DataView(digest.buffer, digest.byteOffset, DIGEST_BYTES);
    let slot = view.getUint32(0, true) & mask;
    while (this.#isUsed[slot] === 1 && !this.#isAt(slot, digest)) slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(slot: number, digest: Uint8Array): boolean {
    const start = slot * DIGEST_BYTES;
    for (let i = 0; i < DIGEST_BYTES; i++) {
      if (this.#slots[start + i] !== digest[i]) return false;
    }
    return true;
  }

  #put(slot: number, digest: Uint8Array): void {
    this.#slots.set(digest, slot * DIGEST_BYTES);
    this.#isUsed[slot] = 1;
  }

  #grow(): void {
    const slots = this.#slots;
    const isUsed = this.#isUsed;
    this.#slots = new Uint8Array(2 * slots.length);
    this.#isUsed = new Uint8Array(2 * isUsed.length);
    for (let slot = 0; slot < isUsed.length; slot++) {
      if (isUsed[slot] !== 1) continue;
      const digest = slots.subarray(slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES);
      this.#put(this.#find(digest), digest);
    }
  }
}
