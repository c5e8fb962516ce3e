/** A connection whose client sends bodies, as it is watched; until disposed. */
export interface WatchedConnection extends Disposable {
  /** Aborts when it has to end. */
  readonly flooded: AbortSignal;
}

/** Milliseconds between two looks: what a fast line brings in that time is what the bound may be exceeded by. */
const LOOK_EVERY_MS = 500;

/**
 * Bounds what all connections together have received and nobody has taken, by ending the one that has most of it.
 *
 * Bodies that wait for a place are received as far as their windows go (`ReceiveWindows`), and a client that keeps to them never
 * comes near the bound. One that acknowledges no settings has the windows of its first moment, for as many bodies as it likes.
 */
export class UntakenBytes {
  readonly #bytesMax: number;
  readonly #open = new Map<AbortController, () => number>();
  #timer: NodeJS.Timeout | undefined;

  /** Watches nothing yet. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Watches a connection; `untakenBytes` says how much of what came nobody has taken. */
  watch(untakenBytes: () => number): WatchedConnection {
    const flood = new AbortController();
    this.#open.set(flood, untakenBytes);
    this.#timer ??= setInterval(() => {
      this.look();
    }, LOOK_EVERY_MS).unref();
    return {
      flooded: flood.signal,
      [Symbol.dispose]: () => {
        this.#open.delete(flood);
        if (this.#open.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  /** Ends connections, those with most bytes first, until the rest is within the bound; happens by itself every now and then. */
  look(): void {
    const sizes = [...this.#open].map(([flood, untaken]) => ({ flood, bytes: untaken() }));
    let sum = sizes.reduce((all, { bytes }) => all + bytes, 0);
    for (const { flood, bytes } of sizes.sort((one, other) => other.bytes - one.bytes)) {
      if (sum <= this.#bytesMax) return;
      sum -= bytes;
      flood.abort();
    }
  }
}
