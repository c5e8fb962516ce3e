/** Longest text taken from an error answer, in bytes. */
const ERROR_BYTES_MAX = 64 * 1024;

/** Most bytes of memory that are made before there is something to put into them; ours. */
const ROOM_BYTES_MAX = 1024 * 1024;

/** What matters of the head of an answer, by the names of HTTP/2. */
export interface AnswerHead {
  readonly status: string | number | undefined;
  readonly contentLength: string | undefined;
}

/** Offers memory for an answer, whose length is given if it is known. */
export type AllocateAnswer = (size: number | undefined) => Uint8Array | undefined;

/**
 * Gathers the parts of one answer in one piece of memory: in the one that is offered, else, with a stated length, in one of
 * that length. Otherwise parts are kept side by side in memories that grow with the answer, and joined at the end: a part
 * of one byte takes one byte.
 */
export class AnswerCollector {
  readonly #bytesMax: number;
  #allocate: AllocateAnswer | undefined;
  readonly #parts: Uint8Array[] = [];
  /** At the end of the last of {@link #parts}. */
  #freeBytes = 0;
  #whole: Buffer | undefined;
  #size = 0;
  #statedSize: number | undefined;
  /** Undefined until the head has come. */
  statusCode: number | undefined;

  /** Accepts at most `bytesMax` bytes; `allocate` is called at most once. */
  constructor(bytesMax: number, allocate?: AllocateAnswer) {
    this.#bytesMax = bytesMax;
    this.#allocate = allocate;
  }

  /** Takes the head of the answer. */
  start({ status, contentLength }: AnswerHead): void {
    this.statusCode = Number(status);
    const size = Number(contentLength ?? 0);
    if (this.statusCode !== 200 || !Number.isSafeInteger(size) || size <= 0) return;
    if (size < this.#size || size > this.#bytesMax) return;
    this.#statedSize = size;
    if (!this.#whole) this.#gatherIn(this.#offered() ?? new Uint8Array(size));
  }

  /** Takes a copy of a part; `false` when the answer is longer than allowed, the tail of an error text is dropped instead. */
  add(part: Uint8Array): boolean {
    if (part.length === 0) return true;
    // Data that comes together with the head is told before it.
    const isError = this.statusCode !== undefined && this.statusCode !== 200;
    if (this.#size + part.length > (isError ? ERROR_BYTES_MAX : this.#bytesMax)) return isError;
    if (this.#size === 0 && !this.#whole && !isError) this.#gatherIn(this.#offered());
    if (this.#whole && this.#size + part.length <= this.#whole.length) {
      // Not `set`: into shared memory that copies byte by byte where source and target are not aligned alike.
      this.#whole.fill(part, this.#size, this.#size + part.length);
    } else {
      if (this.#whole) this.#parts.push(this.bytes().slice());
      this.#whole = undefined;
      this.#keep(part);
    }
    this.#size += part.length;
    return true;
  }

  /** Whether as many bytes came as the head promised, if it did. */
  isWhole(): boolean {
    return this.#statedSize === undefined || this.#size === this.#statedSize;
  }

  /** What came: a view of the memory that was offered, or owned. */
  bytes(): Uint8Array {
    const whole = this.#whole;
    if (whole) return new Uint8Array(whole.buffer, whole.byteOffset, this.#size);
    const joined = new Uint8Array(this.#size);
    let offset = 0;
    for (const part of this.#parts) {
      joined.set(part.subarray(0, this.#size - offset), offset);
      offset += part.length;
    }
    return joined;
  }

  /** What came as text. */
  text(): string {
    return new TextDecoder().decode(this.bytes().slice());
  }

  #keep(part: Uint8Array): void {
    const fitting = Math.min(part.length, this.#freeBytes);
    const last = this.#parts.at(-1);
    last?.set(part.subarray(0, fitting), last.length - this.#freeBytes);
    this.#freeBytes -= fitting;
    const restBytes = part.length - fitting;
    if (restBytes === 0) return;
    const next = new Uint8Array(Math.max(restBytes, Math.min(this.#size, ROOM_BYTES_MAX)));
    next.set(part.subarray(fitting));
    this.#parts.push(next);
    this.#freeBytes = next.length - restBytes;
  }

  #offered(): Uint8Array | undefined {
    const allocate = this.#allocate;
    this.#allocate = undefined;
    return allocate?.(this.#statedSize);
  }

  #gatherIn(memory: Uint8Array | undefined): void {
    if (!memory || memory.length < this.#size) return;
    memory.set(this.bytes());
    this.#whole = Buffer.from(memory.buffer, memory.byteOffset, memory.length);
    this.#parts.length = 0;
    this.#freeBytes = 0;
  }
}
