import assert from "node:assert/strict";

/** Bits of the hash that choose a partition: first its group, then its place in the group. */
const GROUP_BITS = 6;
const PARTITION_BITS = 12;
const PARTITIONS_PER_GROUP = 1 << (PARTITION_BITS - GROUP_BITS);
/** Slots of each partition at first. */
const FIRST_CAPACITY = 16;
/** Bytes that a group may grow to where it is: address space, which costs nothing; 200 million digests in all groups. */
const GROUP_BYTES_MAX = 16 * 1024 * 1024;
/** Share of slots in use at which the fullest partition of a group makes it grow, and by how much; see the test for what that comes to. */
const LOAD_MAX = 0.9;
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
 * Partitions grow in groups, each in address space that is its own from the start: memory that is given back and taken again, as
 * growing arrays would, leaves gaps that were twice as large as the set.
 *
 * The seed keeps a client, who chooses the digests of encrypted chunks as it likes, from aiming at a collision.
 */
export class DigestSet {
  readonly #groups = Array.from({ length: 1 << GROUP_BITS }, () => new Group());
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
  }

  /** Number of digests, those taken for one another counted once. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of memory that hold the digests. */
  get byteSize(): number {
    return this.#groups.reduce((sum, group) => sum + group.byteSize, 0);
  }

  /**
   * Adds a digest.
   *
   * @param bytes Holds its 32 bytes at `offset`; borrowed.
   * @returns Whether it is new.
   */
  add(bytes: Uint8Array, offset = 0): boolean {
    const place = this.#placeOf(bytes, offset);
    const isNew = this.#groupAt(place).add(
      place % PARTITIONS_PER_GROUP,
      this.#valueOf(bytes, offset),
    );
    if (isNew) this.#count += 1;
    return isNew;
  }

  /** Whether a digest was added, or is taken for one that was. */
  has(bytes: Uint8Array, offset = 0): boolean {
    const place = this.#placeOf(bytes, offset);
    return this.#groupAt(place).has(place % PARTITIONS_PER_GROUP, this.#valueOf(bytes, offset));
  }

  #groupAt(place: number): Group {
    const group = this.#groups[Math.floor(place / PARTITIONS_PER_GROUP)];
    assert(group);
    return group;
  }

  /** Number of the partition among all. */
  #placeOf(bytes: Uint8Array, offset: number): number {
    const hash = mixed(bytes, offset, { seed: this.#seedA, multiplier: MULTIPLIER_A });
    return hash >>> (32 - PARTITION_BITS);
  }

  /** 0 marks a free slot. */
  #valueOf(bytes: Uint8Array, offset: number): number {
    return mixed(bytes, offset, { seed: this.#seedB, multiplier: MULTIPLIER_B }) || 1;
  }
}

/** Partitions of equal length, one behind another in one piece of memory. */
class Group {
  #memory = new ArrayBuffer(4 * FIRST_CAPACITY * PARTITIONS_PER_GROUP, {
    maxByteLength: GROUP_BYTES_MAX,
  });
  #slots = new Uint32Array(this.#memory);
  /** Slots of each partition. */
  #capacity = FIRST_CAPACITY;
  readonly #counts = new Uint32Array(PARTITIONS_PER_GROUP);

  get byteSize(): number {
    return 4 * this.#capacity * PARTITIONS_PER_GROUP;
  }

  add(partition: number, value: number): boolean {
    let slot = this.#slotOf(partition, value);
    if (this.#slots[slot] === value) return false;
    const count = (this.#counts[partition] ?? 0) + 1;
    if (count > LOAD_MAX * this.#capacity) {
      this.#grow();
      slot = this.#slotOf(partition, value);
    }
    this.#slots[slot] = value;
    this.#counts[partition] = count;
    return true;
  }

  has(partition: number, value: number): boolean {
    return this.#slots[this.#slotOf(partition, value)] === value;
  }

  /** Slot that holds the value, or the free slot where it belongs; values lie in about their order, so that they can move. */
  #slotOf(partition: number, value: number): number {
    const slots = this.#slots;
    const start = partition * this.#capacity;
    const end = start + this.#capacity;
    let slot = start + Math.floor((value / TWO_TO_32) * this.#capacity);
    while (slots[slot] !== 0 && slots[slot] !== value) slot = slot + 1 === end ? start : slot + 1;
    return slot;
  }

  /** Moves each partition to where it belongs then, the last first: none is written over before it has moved. */
  #grow(): void {
    const before = this.#capacity;
    this.#capacity = Math.ceil(before * GROWTH);
    this.#lengthen(this.byteSize);
    const moving = new Uint32Array(before);
    for (let partition = PARTITIONS_PER_GROUP - 1; partition >= 0; partition--) {
      moving.set(this.#slots.subarray(partition * before, (partition + 1) * before));
      const start = partition * this.#capacity;
      this.#slots.fill(0, start, start + this.#capacity);
      for (const value of moving) {
        if (value !== 0) this.#slots[this.#slotOf(partition, value)] = value;
      }
    }
  }

  #lengthen(byteSize: number): void {
    if (byteSize <= this.#memory.maxByteLength) this.#memory.resize(byteSize);
    else {
      const larger = new ArrayBuffer(byteSize, { maxByteLength: 4 * byteSize });
      new Uint32Array(larger).set(this.#slots);
      this.#memory = larger;
    }
    this.#slots = new Uint32Array(this.#memory, 0, byteSize / 4);
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
