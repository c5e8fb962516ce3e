interface Waiter {
  readonly size: number;
  readonly grant: () => void;
}

/**
 * Shares a fixed amount, in bytes of uploads or in chunks that are read at once; whoever gets none waits its turn.
 *
 * First come, first served, so that a large request cannot starve. An upload that waits is not read, and its client
 * is stopped by the flow control of HTTP/2.
 */
export class MemoryBudget {
  #free: number;
  readonly #waiting: Waiter[] = [];

  constructor(sizeBytes: number) {
    this.#free = sizeBytes;
  }

  /** What nobody holds. */
  get freeBytes(): number {
    return this.#free;
  }

  /** Takes some; the result gives them back when it is called, once. */
  async take(size: number): Promise<() => void> {
    if (this.#waiting.length > 0 || this.#free < size) {
      await new Promise<void>((resolve) => this.#waiting.push({ size, grant: resolve }));
    } else {
      this.#free -= size;
    }
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#free += size;
      this.#grantWaiting();
    };
  }

  #grantWaiting(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (!next || next.size > this.#free) return;
      this.#waiting.shift();
      this.#free -= next.size;
      next.grant();
    }
  }
}
