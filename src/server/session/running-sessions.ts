import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

import { type FastifyBaseLogger } from "fastify";

import { refused } from "../http/api-error.ts";

/** Why a session ends that the server cut when it stopped; stands in the log of its task. */
export const SHUTDOWN_REASON = "the server was stopped";

/** The place of a session among those that run. */
export interface SessionPlace extends Disposable {
  /** Keeps the place until the session has ended, which must not reject. */
  take(session: Promise<void>): void;
}

/** The sessions of a server: it lets them end before it stops, for a while. */
export class RunningSessions {
  readonly #running = new Set<Promise<void>>();
  readonly #cut = new AbortController();
  #isEnding = false;

  constructor() {
    setMaxListeners(0, this.#cut.signal); // Every session listens.
  }

  /** Aborts when sessions may not go on any more. */
  get cutSignal(): AbortSignal {
    return this.#cut.signal;
  }

  /**
   * Counts a session from the moment in which it is asked for, before it has opened anything; to be disposed of when it runs
   * or could not begin.
   *
   * @throws {ApiError} `API_REFUSED` once the server is stopping: it would be cut before it is of use.
   */
  admit(): SessionPlace {
    if (this.#isEnding) throw refused("the server is being stopped");
    let leave: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (leave = resolve));
    this.#running.add(ended);
    void ended.then(() => this.#running.delete(ended));
    let isTaken = false;
    return {
      take: (session) => {
        isTaken = true;
        void session.finally(leave);
      },
      [Symbol.dispose]: () => {
        if (!isTaken) leave();
      },
    };
  }

  /** Takes no more sessions, and waits until all have ended, `graceMs` at most. */
  async drain(graceMs: number, logger: FastifyBaseLogger): Promise<void> {
    this.#isEnding = true;
    if (this.#running.size === 0) return;
    logger.info({ sessions: this.#running.size, graceMs }, "waiting for running sessions");
    const graceIsOver = new AbortController();
    const grace = delay(graceMs, undefined, { signal: graceIsOver.signal }).catch(() => undefined);
    await Promise.race([this.#whenNone(), grace]);
    graceIsOver.abort();
  }

  /** Tells what still runs to end now, and waits until that has cleaned up; whoever calls this closes the connections. */
  async cut(logger: FastifyBaseLogger): Promise<void> {
    if (this.#running.size === 0) return;
    logger.warn({ sessions: this.#running.size }, "cutting sessions that still run");
    this.#cut.abort();
    await this.#whenNone();
  }

  async #whenNone(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
