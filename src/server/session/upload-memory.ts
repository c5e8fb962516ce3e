import assert from "node:assert/strict";

import { RegionPool } from "../../chunks/region-pool.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { MemoryBudget } from "./memory-budget.ts";

/** A place for one upload. */
export interface UploadSlot {
  /** Exactly as long as was asked for, in shared memory; of unknown content. */
  readonly bytes: Uint8Array;
  /** Gives the place back; afterwards the bytes belong to the next upload. To be called once. */
  readonly release: () => void;
}

/** Where an upload gets its place from. */
export interface UploadPlaces {
  /** Takes a place for `size` bytes, at most the longest upload; waits its turn when there is none. */
  take(size: number): Promise<UploadSlot>;
}

interface Waiter {
  readonly size: number;
  readonly grant: (slot: UploadSlot) => void;
}

/** Part of all memory that one session may hold, so that one client alone cannot make all others wait. */
const SESSION_SHARE = 1 / 4;

/** Part of it that all sessions of one user may hold, with the user's tokens: the rest is for others, however slowly this one sends. */
const USER_SHARE = 3 / 4;

/**
 * Memory that uploads are received into, used again and again.
 *
 * Fresh memory for every chunk is dear: the kernel has to clear 4 MiB, and each shared buffer that a thread is sent
 * for the first time makes work for the garbage collector. Measured with eight clients: 9 ms of the main thread per
 * chunk with fresh buffers, of which 6 go to that. All uploads lie in one pool, so that its size bounds the memory that they
 * have ever touched, whatever lengths came first and last.
 *
 * First come, first served, also where a later and shorter upload would find room: it could keep a long one waiting for ever.
 */
export class UploadMemory implements UploadPlaces {
  readonly #regions: RegionPool;
  readonly #sizeBytes: number;
  readonly #waiting: Waiter[] = [];
  /** Of users that hold some or wait for it. */
  readonly #users = new Map<string, MemoryBudget>();

  /** Starts without any memory; `sizeBytes` bounds what uploads may hold at once. */
  constructor(sizeBytes: number) {
    this.#regions = new RegionPool({ bytes: sizeBytes });
    this.#sizeBytes = sizeBytes;
  }

  /** Bytes nobody holds. */
  get freeBytes(): number {
    return this.#regions.freeBytes;
  }

  /** The part of this memory that one session of a user may hold; at least one upload of any length. */
  sessionShare(user: string): UploadPlaces {
    const budget = new MemoryBudget(this.#share(SESSION_SHARE));
    return {
      take: async (size) => {
        const giveBack = await budget.take(size);
        const giveBackOfUser = await this.#takeAs(user, size);
        const slot = await this.take(size);
        return {
          bytes: slot.bytes,
          release: () => {
            slot.release();
            giveBackOfUser();
            giveBack();
          },
        };
      },
    };
  }

  async #takeAs(user: string, size: number): Promise<() => void> {
    const budgetMax = this.#share(USER_SHARE);
    const budget = this.#users.get(user) ?? new MemoryBudget(budgetMax);
    this.#users.set(user, budget);
    const giveBack = await budget.take(size);
    return () => {
      giveBack();
      if (budget.freeBytes === budgetMax) this.#users.delete(user);
    };
  }

  #share(part: number): number {
    return Math.min(
      Math.max(Math.floor(this.#sizeBytes * part), BLOB_UPLOAD_BYTES_MAX),
      this.#sizeBytes,
    );
  }

  async take(size: number): Promise<UploadSlot> {
    const slot = this.#waiting.length === 0 ? this.#tryTake(size) : undefined;
    if (slot) return slot;
    return await new Promise((grant) => this.#waiting.push({ size, grant }));
  }

  #tryTake(size: number): UploadSlot | undefined {
    const bytes = this.#regions.tryTake(Math.max(1, size));
    if (!bytes) return undefined;
    const loan = this.#regions.loanOf(bytes);
    assert(loan !== undefined, "what was taken is of this pool");
    return {
      bytes: bytes.subarray(0, size),
      release: () => {
        this.#regions.giveBack(loan);
        this.#grantWaiting();
      },
    };
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const slot = this.#tryTake(next.size);
      if (!slot) return;
      this.#waiting.shift();
      next.grant(slot);
    }
  }
}
