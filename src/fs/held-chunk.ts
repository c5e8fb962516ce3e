import { type ChunkAnswer } from "./fs-need.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * A chunk in memory, as long as it is there.
 *
 * Its memory may be lent, and used for something else once the chunk is dropped. Whoever keeps a chunk keeps this and not
 * its bytes, and looks each time whether it has been dropped.
 */
export class HeldChunk {
  readonly #loan: number | undefined;
  #bytes: Uint8Array;
  #isDropped = false;

  /** Holds an answer of the host. */
  constructor({ bytes, loan }: ChunkAnswer) {
    this.#bytes = bytes;
    this.#loan = loan;
  }

  /** Its content, borrowed until the memory takes the next answer; empty when it was dropped. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Whether its bytes are gone. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** Lets go of the bytes; returns what has to be given back, once. */
  drop(): number | undefined {
    if (this.#isDropped) return undefined;
    this.#isDropped = true;
    this.#bytes = NO_BYTES;
    return this.#loan;
  }
}
