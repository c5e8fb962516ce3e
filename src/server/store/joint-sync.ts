/**
 * Lets callers that want everything on the medium at the same time share one sync.
 *
 * A sync covers only what was written before it began. So whoever comes while one is running waits for the next one, which
 * begins when that has ended and serves everyone who came meanwhile: at most one runs, however many backups finish together.
 */
export class JointSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** Shares `sync`, which forces to the medium what was written before its call. */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Resolves when everything written before this call is on the medium; rejects as the sync that covers it. */
  async sync(): Promise<void> {
    if (!this.#running && !this.#next) {
      await this.#begin();
      return;
    }
    const begin = async (): Promise<void> => {
      await this.#begin();
    };
    this.#next ??= (this.#running ?? Promise.resolve()).then(begin, begin);
    await this.#next;
  }

  async #begin(): Promise<void> {
    this.#next = undefined;
    const running = this.#sync();
    this.#running = running;
    try {
      await running;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }
}
