/** Partitions of the set; each grows by itself, so growing never holds much memory twice. */
const PARTITION_BITS = 12;
const FIRST_CAPACITY = 16;
/** Share of slots in use at which a partition grows, and by how much: between 68 and 85 % are used, 5.9 bytes a digest at most. */
const LOAD_MAX = 0.85;
const GROWTH = 1.25;
/** Odd and without pattern: constants of MurmurHash3's finalizer (A. Appleby, public domain). */
const MULTIPLIER_A = 0x85ebca6b;
const MULTIPLIER_B = 0xc2b2ae35;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * A set of digests in 6 bytes each: millions of them in memory that does not matter.
 *
 * It keeps 44 bits of a seeded hash, 12 as the number of a partition and 32 in a slot, so it is wrong in one direction
 * only: {@link has} may say yes for a digest that was never added, for ten million of them once in 1.7 million questions.
 * Whoever uses it must be safe when that happens. Never the other way round. Nothing is ever removed.
 *
 * The seed keeps a client, who chooses the digests of encrypted chunks as it likes, from aiming at a collision.
 */
export class DigestSet {
  readonly #partitions: Uint32Array[];
  readonly #counts = new Uint32Array(1 << PARTITION_BITS);
  readonly #seedA: number;
  readonly #seedB: number;
  #count = 0;

  /**
   * Starts empty.
   *
   * @param seed Eight random bytes, borrowed.
   */
  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
    this.#seedA = view.getUint32(0, true);
    this.#seedB = view.getUint32(4, true);
    // One free slot for all that are empty: the first digest of each makes it grow, so nothing is ever written there.
    const empty = new Uint32Array(1);
    this.#partitions = Array.from({ length: 1 << PARTITION_BITS }, () => empty);
  }

  /** Number of digests, those taken for one another counted once. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of memory that hold the digests. */
  get byteSize(): number {
    return this.#partitions.reduce((sum, slots) => sum + slots.byteLength, 0);
  }

  /**
   * Adds a digest.
   *
   * @param bytes Holds its 32 bytes at `offset`; borrowed.
   * @returns Whether it is new.
   */
  add(bytes: Uint8Array, offset = 0): boolean {
    const partition = this.#partitionOf(bytes, offset);
    const value = this.#valueOf(bytes, offset);
    let slots = this.#slots(partition);
    let slot = slotOf(slots, value);
    if (slots[slot] === value) return false;
    const count = (this.#counts[partition] ?? 0) + 1;
    if (count > LOAD_MAX * slots.length) {
      slots = grown(slots);
      this.#partitions[partition] = slots;
      slot = slotOf(slots, value);
    }
    slots[slot] = value;
    this.#counts[partition] = count;
    this.#count += 1;
    return true;
  }

  /** Whether a digest was added, or is taken for one that was. */
  has(bytes: Uint8Array, offset = 0): boolean {
    const value = this.#valueOf(bytes, offset);
    const slots = this.#slots(this.#partitionOf(bytes, offset));
    return slots[slotOf(slots, value)] === value;
  }

  #slots(partition: number): Uint32Array {
    return this.#partitions[partition] ?? new Uint32Array(1);
  }

  #partitionOf(bytes: Uint8Array, offset: number): number {
    return (
      mixed(bytes, offset, { seed: this.#seedA, multiplier: MULTIPLIER_A }) >>>
      (32 - PARTITION_BITS)
    );
  }

  /** 0 marks a free slot. */
  #valueOf(bytes: Uint8Array, offset: number): number {
    return mixed(bytes, offset, { seed: this.#seedB, multiplier: MULTIPLIER_B }) || 1;
  }
}

function mixed(
  bytes: Uint8Array,
  offset: number,
  { seed, multiplier }: { readonly seed: number; readonly multiplier: number },
): number {
  let hash = seed;
  for (let i = offset; i < offset + 32; i += 4) {
    const word =
      (bytes[i] ?? 0) |
      ((bytes[i + 1] ?? 0) << 8) |
      ((bytes[i + 2] ?? 0) << 16) |
      ((bytes[i + 3] ?? 0) << 24);
    hash = Math.imul(hash ^ word, multiplier);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, MULTIPLIER_A);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Slot that holds the value, or the free slot where it belongs; values lie in about their order, so that they can move. */
function slotOf(slots: Uint32Array, value: number): number {
  let slot = Math.floor((value / TWO_TO_32) * slots.length);
  while (slots[slot] !== 0 && slots[slot] !== value)
    slot = slot + 1 === slots.length ? 0 : slot + 1;
  return slot;
}

function grown(slots: Uint32Array): Uint32Array {
  const larger = new Uint32Array(Math.max(FIRST_CAPACITY, Math.ceil(slots.length * GROWTH)));
  for (const value of slots) if (value !== 0) larger[slotOf(larger, value)] = value;
  return larger;
}
