/**
 * Values that arrive one by one, as an `AsyncIterable` for one consumer.
 *
 * Not bounded: what arrives is bounded by whoever sends it, here by the slots of an arena.
 */
export class MessageQueue<T> implements AsyncIterable<T> {
  readonly #values: T[] = [];
  #state:
    { readonly kind: "open" | "ended" } | { readonly kind: "failed"; readonly error: unknown } = {
    kind: "open",
  };
  #wake: (() => void) | undefined;

  /** Adds a value at the end. */
  push(value: T): void {
    this.#values.push(value);
    this.#wake?.();
  }

  /** No more values come. */
  end(): void {
    if (this.#state.kind === "open") this.#state = { kind: "ended" };
    this.#wake?.();
  }

  /** The consumer gets this error instead of the next value. */
  fail(error: unknown): void {
    if (this.#state.kind === "open") this.#state = { kind: "failed", error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      if (this.#state.kind === "failed") throw this.#state.error;
      const value = this.#values.shift();
      if (value !== undefined) {
        yield value;
        continue;
      }
      if (this.#state.kind === "ended") return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
