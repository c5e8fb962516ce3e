import { BLOB_ENCRYPTED_HEADER_BYTES, BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { MemoryBudget } from "./memory-budget.ts";

const MIB = 1024 * 1024;

/** Sizes of buffers in bytes: small chunks, chunks of the usual sizes with their header, the longest. */
const BUFFER_BYTES: readonly number[] = [
  64 * 1024,
  MIB,
  4 * MIB + BLOB_ENCRYPTED_HEADER_BYTES,
  8 * MIB,
  BLOB_UPLOAD_BYTES_MAX,
];

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

/** Part of all memory that one session may hold, so that one client alone cannot make all others wait. */
const SESSION_SHARE = 1 / 4;

/**
 * Memory that uploads are received into, used again and again.
 *
 * Fresh memory for every chunk is dear: the kernel has to clear 4 MiB, and each shared buffer that a thread is sent
 * for the first time makes work for the garbage collector. Measured with eight clients: 9 ms of the main thread per
 * chunk with fresh buffers, of which 6 go to that. Memory in use is bounded by the budget, memory kept by the same.
 */
export class UploadMemory implements UploadPlaces {
  readonly #budget: MemoryBudget;
  /** Buffers that nobody uses, by size. */
  readonly #spare = new Map<number, SharedArrayBuffer[]>();
  #spareBytes = 0;
  readonly #spareBytesMax: number;

  /** Starts without any memory; `sizeBytes` bounds what uploads may hold at once. */
  constructor(sizeBytes: number) {
    this.#budget = new MemoryBudget(sizeBytes);
    this.#spareBytesMax = sizeBytes;
  }

  /** Bytes nobody holds. */
  get freeBytes(): number {
    return this.#budget.freeBytes;
  }

  /** The part of this memory that one session may hold; at least one upload of any length. */
  sessionShare(): UploadPlaces {
    const share = Math.max(this.#spareBytesMax * SESSION_SHARE, BLOB_UPLOAD_BYTES_MAX);
    const budget = new MemoryBudget(Math.min(share, this.#spareBytesMax));
    return {
      take: async (size) => {
        const giveBack = await budget.take(size);
        const slot = await this.take(size);
        return {
          bytes: slot.bytes,
          release: () => {
            slot.release();
            giveBack();
          },
        };
      },
    };
  }

  async take(size: number): Promise<UploadSlot> {
    const capacity = BUFFER_BYTES.find((bytes) => bytes >= size) ?? size;
    const giveBack = await this.#budget.take(capacity);
    const buffer = this.#takeSpare(capacity) ?? new SharedArrayBuffer(capacity);
    return {
      bytes: new Uint8Array(buffer, 0, size),
      release: () => {
        this.#keep(buffer);
        giveBack();
      },
    };
  }

  #takeSpare(capacity: number): SharedArrayBuffer | undefined {
    const buffer = this.#spare.get(capacity)?.pop();
    if (buffer) this.#spareBytes -= capacity;
    return buffer;
  }

  #keep(buffer: SharedArrayBuffer): void {
    if (this.#spareBytes + buffer.byteLength > this.#spareBytesMax) return;
    this.#spareBytes += buffer.byteLength;
    const spare = this.#spare.get(buffer.byteLength);
    if (spare) spare.push(buffer);
    else this.#spare.set(buffer.byteLength, [buffer]);
  }
}
