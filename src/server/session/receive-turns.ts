/** A connection that can be told to stop reading from its socket for a moment. */
export interface PausableReading {
  stop(): void;
  start(): void;
}

/** What a connection tells about its reading. */
export interface ReceivingConnection extends Disposable {
  /** Bytes of a body have come. */
  received(size: number): void;
}

/** How turns are told apart. */
export interface ReceiveTurnsOptions {
  /** Bytes that all connections together take in one turn of the event loop, roughly. */
  readonly turnBytes: number;
  /** Calls back after the current turn: `setImmediate`. */
  readonly afterTurn: (callback: () => void) => void;
}

/**
 * Bytes that uploads take in one turn: some 1 ms of work. With twice as much, other requests waited three times as long at worst.
 *
 * Receiving costs the main thread about 4 ms per MB: copying out of the kernel, TLS, HTTP/2, putting the chunk together.
 */
export const TURN_BYTES = 256 * 1024;

/** What one read of a socket delivers at most; less cannot be taken in a turn. */
const READ_BYTES = 64 * 1024;

/**
 * Shares the turns of the event loop among uploads and everything else.
 *
 * Left alone, libuv reads up to 32 times 64 KiB from a socket before it looks at the next, so eight busy uploads hold a
 * turn of 16 MiB: 30 ms and more in which no other request is answered. Here a connection that had its share is not
 * read again before the next turn; what waits in the socket stops the sender by TCP's own flow control. The share is the
 * turn's bytes divided by the connections that received something in the turn before, so one upload alone is as fast as ever.
 */
export class ReceiveTurns {
  readonly #options: ReceiveTurnsOptions;
  readonly #inTurn = new Set<Receiving>();
  #connectionsBefore = 1;

  constructor(options: ReceiveTurnsOptions) {
    this.#options = options;
  }

  /** Adds a connection until it is disposed. */
  connection(reading: PausableReading): ReceivingConnection {
    const receiving = new Receiving(reading);
    return {
      received: (size) => {
        this.#received(receiving, size);
      },
      [Symbol.dispose]: () => {
        receiving.isGone = true;
      },
    };
  }

  #received(receiving: Receiving, size: number): void {
    if (this.#inTurn.size === 0) {
      this.#options.afterTurn(() => {
        this.#endTurn();
      });
    }
    this.#inTurn.add(receiving);
    receiving.turnBytes += size;
    const share = Math.max(this.#options.turnBytes / this.#connectionsBefore, READ_BYTES);
    if (receiving.turnBytes >= share) receiving.stop();
  }

  #endTurn(): void {
    this.#connectionsBefore = this.#inTurn.size;
    for (const receiving of this.#inTurn) receiving.start();
    this.#inTurn.clear();
  }
}

class Receiving {
  readonly #reading: PausableReading;
  #isStopped = false;
  turnBytes = 0;
  isGone = false;

  constructor(reading: PausableReading) {
    this.#reading = reading;
  }

  stop(): void {
    if (this.#isStopped || this.isGone) return;
    this.#isStopped = true;
    this.#reading.stop();
  }

  start(): void {
    this.turnBytes = 0;
    if (this.#isStopped && !this.isGone) this.#reading.start();
    this.#isStopped = false;
  }
}
