import { ApiError } from "../http/api-error.ts";

/** Checks that may run at once: each takes 32 MiB and a thread of the pool that files need too. */
const RUNNING_MAX = 2;

/** Checks that may wait in all; one more is turned away. */
const WAITING_MAX = 256;

/**
 * Checks of one address that may wait: whoever floods the queue is turned away, and others are not. Many hosts behind one
 * address begin their backups at the same minute.
 */
const WAITING_OF_ONE_MAX = 100;

/**
 * Lets slow checks of passwords run a few at a time, the addresses they come from in turn.
 *
 * An address with many checks waiting gets as many turns as one with a single check, so that guessing from one place
 * delays a login from another by two checks at most.
 */
export class CheckTurns {
  #running = 0;
  #waitingCount = 0;
  /** In the order in which the addresses have their turn. */
  readonly #waiting = new Map<string, (() => void)[]>();

  /**
   * Runs a check when there is room for it.
   *
   * @throws {ApiError} `API_BUSY` when too many are waiting: nothing has been checked then.
   */
  async run<Answer>(peer: string, check: () => Promise<Answer>): Promise<Answer> {
    if (this.#running >= RUNNING_MAX) {
      const queue = this.#waiting.get(peer) ?? [];
      if (this.#waitingCount >= WAITING_MAX || queue.length >= WAITING_OF_ONE_MAX) {
        throw new ApiError("API_BUSY", "too many logins at once, try again in a few seconds");
      }
      this.#waitingCount += 1;
      await new Promise<void>((resolve) => {
        queue.push(resolve);
        this.#waiting.set(peer, queue);
      });
    } else this.#running += 1;
    try {
      return await check();
    } finally {
      this.#passOn();
    }
  }

  /** Gives the place of a check that ended to the next address; nobody can come in between. */
  #passOn(): void {
    const next = this.#waiting.entries().next();
    if (next.done === true) {
      this.#running -= 1;
      return;
    }
    const [peer, queue] = next.value;
    const start = queue.shift();
    this.#waiting.delete(peer);
    if (queue.length > 0) this.#waiting.set(peer, queue);
    this.#waitingCount -= 1;
    start?.();
  }
}
